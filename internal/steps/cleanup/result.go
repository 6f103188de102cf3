package cleanup

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/retention"
)

// Result is what the step did or, in a dry run, would do.
type Result struct {
	Plan     string `output:"plan"`
	Deleted  int    `output:"deleted"`
	Kept     int    `output:"kept"`
	Freed    int64  `output:"freed"` // bytes; of all that the plan removes
	Restored int    `output:"restored"`

	restoring bool
	document  Document
}

// count fills the numbers from the document.
func (r *Result) count() {
	for _, p := range r.document.Repositories {
		r.Freed += p.Freed
		for _, v := range p.Decisions {
			switch {
			case v.Verdict == retention.Keep, p.Outcomes[v.Digest].Spared != "":
				r.Kept++
			case v.Verdict == retention.Delete && (r.document.DryRun || !p.Outcomes[v.Digest].Deleted.IsZero()):
				r.Deleted++
			}
		}
	}
}

// digestTag is a tag that holds or lists what belongs to a digest.
var digestTag = regexp.MustCompile(`^(sha256-[0-9a-f]{12})[0-9a-f]{52}`)

// label is what people know a version by: its tags, in a readable length.
func label(v retention.Decision) string {
	if len(v.Tags) == 0 {
		return "no tag"
	}
	tags := make([]string, len(v.Tags))
	for i, tag := range v.Tags {
		tags[i] = digestTag.ReplaceAllString(tag, "$1…")
	}
	return strings.Join(tags, ", ")
}

// print writes a line for each version.
func (d Document) print(w io.Writer) error {
	var b strings.Builder
	for _, p := range d.Repositories {
		fmt.Fprintf(&b, "%s: %s\n", p.Of, p.headline())
		for _, v := range p.Decisions {
			fmt.Fprintf(&b, "  %s\t%.19s\t%s\t%s\t%s\n", v.Verdict, v.Digest, pushed(v), label(v), v.Reason)
		}
	}
	table := tabwriter.NewWriter(w, 0, 1, 2, ' ', 0)
	_, err := io.WriteString(table, b.String())
	return errors.Join(err, table.Flush())
}

func (p *Repository) headline() string {
	return fmt.Sprintf("%d of %d versions go, which frees %s", len(p.Deletions()), len(p.Decisions), humanize.IBytes(uint64(max(p.Freed, 0))))
}

func pushed(v retention.Decision) string {
	if v.Pushed.IsZero() {
		return "unknown"
	}
	return v.Pushed.UTC().Format(time.DateOnly)
}

// maxRows is how many versions the tables of a summary have in all. A summary
// holds 1 MiB.
const maxRows = 2000

// Print writes what was done, in one line. The plan was printed before.
func (r Result) Print(w io.Writer) error {
	if r.document.Time.IsZero() {
		return nil
	}
	_, err := fmt.Fprintln(w, r.done())
	return err
}

func (r Result) done() string {
	were := "were"
	if r.document.DryRun {
		were = "would be"
	}
	if r.restoring {
		return fmt.Sprintf("%d versions %s restored", r.Restored, were)
	}
	return fmt.Sprintf("%d versions %s removed, %d stay", r.Deleted, were, r.Kept)
}

// Summary shows what goes, what stays, and why, in Markdown.
func (r Result) Summary() string {
	if r.document.Time.IsZero() {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Cleanup\n\n")
	if r.document.DryRun {
		b.WriteString("> [!NOTE]\n> This was a **dry run**: nothing has changed. `dry-run: false` does it.\n\n")
	}
	fmt.Fprintf(&b, "%s.\n\n", r.done())
	if r.restoring {
		return b.String()
	}
	for _, p := range r.document.Repositories {
		fmt.Fprintf(&b, "### %s\n\n%s.\n", markdown.Code(p.Of.String()), p.headline())
		n := len(p.Deletions())
		rows := maxRows / 2 / len(r.document.Repositories)
		p.table(&b, "goes", p.Decisions[:n], rows)
		p.table(&b, "stays", p.Decisions[n:], rows)
	}
	return b.String()
}

func (p *Repository) table(b *strings.Builder, title string, decisions []retention.Decision, rows int) {
	if len(decisions) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>%s: %d</summary>\n\n| version | tags | pushed | why |\n|---|---|---|---|\n", title, len(decisions))
	for n, v := range decisions {
		if n == rows {
			fmt.Fprintf(b, "\n%d more are in the plan's JSON.\n", len(decisions)-n)
			break
		}
		why := v.Reason
		switch outcome := p.Outcomes[v.Digest]; {
		case outcome.Spared != "":
			why = "stays after all: " + outcome.Spared
		case outcome.Failed != "":
			why = "not removed: " + outcome.Failed
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", markdown.Code(fmt.Sprintf("%.19s", v.Digest)), markdown.Code(label(v)), pushed(v), markdown.Code(why))
	}
	b.WriteString("\n</details>\n")
}
