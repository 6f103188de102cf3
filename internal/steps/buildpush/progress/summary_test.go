package progress

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/release-actions/internal/image"
)

// The charts in the golden files were parsed by mermaid 11.17.2, which found
// as many tasks as they have bars.
func TestSummaries(t *testing.T) {
	t.Parallel()
	for name, recording := range recordings(t, whole...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := replay(t, recording, &terminal{})
			golden(t, name+".md", record.Markdown(nil))
		})
	}
}

func TestSummaryHasDigestsAndSizes(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.end("[build 1/2] FROM base", 0, 0, "cached", true)
	s.end("[build 2/2] RUN make", 0, 90)
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	amd64 := image.Platform{OS: "linux", Arch: "amd64"}
	want := "| platform | digest | size | steps | time |\n| --- | --- | --: | --- | --: |\n| `linux/amd64` | `sha256:aa` | 55 MB | 1 built, 1 cached | 1m30s |\n"
	if got := record.Markdown([]Row{{amd64, "sha256:aa", 54_719_163}}); !strings.HasPrefix(got, want) {
		t.Errorf("summary is\n%s\nwant\n%s", got, want)
	}
	want = "| platform | digest |\n| --- | --- |\n| `linux/amd64` | `sha256:aa` |\n"
	if got := (Record{}).Markdown([]Row{{amd64, "sha256:aa", 0}}); got != want {
		t.Errorf("summary of no build is\n%s\nwant\n%s", got, want)
	}
	if got := (Record{}).Markdown(nil); got != "" {
		t.Errorf("summary of nothing is %q", got)
	}
}

// hostile are names that mean something to Mermaid or to Markdown.
var hostile = []string{
	"[section 1/9] RUN a", "[title 2/9] RUN b", "[click 3/9] RUN click x call y()", "[a 4/9] RUN %% a comment", "[a 5/9] RUN x :crit, 0, 1",
	"[a 6/9] RUN ```\n# heading", "[a 7/9] RUN <script>alert(1)</script> &amp; #35; #quot;", `[a 8/9] RUN "quoted" 'twice' \n {} | ~ ^ $x ;`,
	"[a 9/9] RUN 2026-01-01 ünï → ✓ 漢字", "dateFormat x", "accDescr { x }", "", "exporting: to image",
}

func TestChartOfHostileNames(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	for i, name := range hostile {
		s.end(name, float64(i), float64(i)+1)
	}
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	got := record.Markdown(nil)
	if bars := strings.Count(got, " :"); bars != len(hostile) {
		t.Errorf("%d bars, want %d", bars, len(hostile))
	}
	golden(t, "hostile.md", got)
}

func TestChartIsBounded(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	for i := range 500 {
		s.end(fmt.Sprintf("[linux/a%d build %d/500] RUN %s", i%99, i+1, strings.Repeat("✓", 500)), float64(i), float64(i)*2+1)
	}
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	chart := record.gantt()
	bars, sections := strings.Count(chart, " :"), strings.Count(chart, "section ")
	if bars == 0 || bars > maxBars || sections > maxSections || len(chart) > 64<<10 {
		t.Errorf("%d bars in %d sections, %d bytes", bars, sections, len(chart))
	}
}

func FuzzLabel(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	allowed := regexp.MustCompile(`^([\pL\p{Nd} ./\-_=@+,()\[\]…]|#\d+;)*$`)
	f.Fuzz(func(t *testing.T, name string) {
		got := label(name)
		if !allowed.MatchString(got) || !utf8.ValidString(got) || strings.TrimSpace(got) != got || len(got) > 10*maxLabel {
			t.Errorf("label(%q) = %q", name, got)
		}
	})
}
