package cleanup

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

var now = time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)

// releases are two signed releases that share an image, and one pull request's.
const releases = `
	sig2 10d ^idx2
	idx2 10d #2.0.0 #latest >amd2 >arm
	amd2 10d
	sig1 40d ^idx1
	psig 40d @amd1.sig
	idx1 40d #1.0.0 >amd1 >arm
	amd1 40d
	arm  40d
	pr   50d #pr-1`

func filled(t *testing.T, name string) *retentiontest.Registry {
	t.Helper()
	repository, err := image.ParseRepository(name)
	if err != nil {
		t.Fatal(err)
	}
	r := retentiontest.New(repository, now)
	retentiontest.Script(t, r, releases)
	return r
}

func unmarshal[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := P(&v).UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return v
}

func config(t *testing.T, rules string) Config {
	t.Helper()
	return Config{
		Images: []Pattern{unmarshal[Pattern](t, "ghcr.io/acme/app")}, Rules: unmarshal[retention.Rules](t, rules),
		Grace: retention.Age(24 * time.Hour), MaxDelete: retention.Limit{Number: 100, Share: true},
	}
}

// did returns the calls of a method, by the names of what they were about.
func (w *world) did(method string) string {
	var digests []image.Digest
	for _, call := range w.calls {
		if name, digest, _ := strings.Cut(call, " "); name == method {
			digests = append(digests, image.Digest(digest))
		}
	}
	return retentiontest.Names(releases, digests)
}

const old = `- delete-tags: "1.*, pr-*"`

func TestADryRunRemovesNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	cfg := config(t, old)
	cfg.DryRun = true
	result, err := w.run(t.Context(), cfg)
	if err != nil || len(w.calls) != 0 {
		t.Fatalf("calls %v, error %v", w.calls, err)
	}
	if result.Deleted != 5 || result.Kept != 4 {
		t.Errorf("%d deleted, %d kept", result.Deleted, result.Kept)
	}
	for _, want := range []string{"dry run, and nothing was removed", "5 of 9 versions go", `rule 1: tag "1.0.0" matches "1.*"`, "needed by 2.0.0"} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &w.out)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "cleanup", journalFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a journal: %v", err)
	}
	if text := result.Summary(); !strings.Contains(text, "**dry run**") || !strings.Contains(text, "| `sha256:") {
		t.Errorf("summary:\n%s", text)
	}
}

func TestRemovesWhatThePlanSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"), filled(t, "ghcr.io/acme/other"))
	cfg := config(t, old)
	cfg.Images = []Pattern{unmarshal[Pattern](t, "ghcr.io/acme/*"), unmarshal[Pattern](t, "ghcr.io/acme/app")}
	result, err := w.run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	each := "pr idx1 sig1 amd1 psig"
	if got := w.did("delete"); got != each+" "+each || w.did("recheck") != got {
		t.Errorf("deleted %q, looked again at %q", got, w.did("recheck"))
	}
	if result.Deleted != 10 || result.Kept != 8 || w.lists != 2 {
		t.Errorf("%d deleted, %d kept, %d listings", result.Deleted, result.Kept, w.lists)
	}
	document, err := readDocument(result.Plan, now)
	if err != nil {
		t.Fatal(err)
	}
	if first := document.Repositories[1]; first.Of.String() != "ghcr.io/acme/other" || first.Outcomes[retentiontest.Digest("idx1")].Deleted != now || len(first.Decisions) != 9 {
		t.Errorf("the document has %+v", first.Outcomes)
	}
	if again, err := w.run(t.Context(), cfg); err != nil || again.Deleted != 0 || again.Kept != 8 {
		t.Errorf("a second run: %+v, %v", again, err)
	}
}

func TestMoreThanTheLimitIsRefusedBeforeAnythingGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"), filled(t, "ghcr.io/acme/other"))
	for _, limit := range []string{"50%", "4"} {
		cfg := config(t, old)
		cfg.Images = append(cfg.Images, unmarshal[Pattern](t, "ghcr.io/acme/other"))
		cfg.MaxDelete = unmarshal[retention.Limit](t, limit)
		_, err := w.run(t.Context(), cfg)
		if err == nil || strings.Count(err.Error(), `5 of 9 versions would go, and "max-delete" allows 4`) != 2 || len(w.calls) != 0 {
			t.Errorf("%s: error %v after %v", limit, err, w.calls)
		}
		if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, `raise "max-delete"`) {
			t.Errorf("mend %q", mend)
		}
		cfg.DryRun = true
		if _, err := w.run(t.Context(), cfg); err != nil || !strings.Contains(w.out.String(), "would be refused") {
			t.Errorf("a dry run: %v\n%s", err, &w.out)
		}
	}
}

func TestWhatHasChangedStaysWithAllThatItNeeds(t *testing.T) {
	t.Parallel()
	r := filled(t, "ghcr.io/acme/app")
	w := newWorld(t, r)
	w.before = func(method string, d image.Digest) error {
		if method == "recheck" && d == retentiontest.Digest("idx1") {
			r.Push(retention.Version{Digest: d, Tags: []string{"stable"}})
		}
		return nil
	}
	result, err := w.run(t.Context(), config(t, old))
	if err != nil || w.did("delete") != "pr" || result.Deleted != 1 || result.Kept != 8 {
		t.Errorf("deleted %q: %+v, %v", w.did("delete"), result, err)
	}
	if !strings.Contains(result.Summary(), "stays after all") {
		t.Errorf("summary:\n%s", result.Summary())
	}
}

func TestWhatTheRegistryKeepsStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	w.before = func(method string, d image.Digest) error {
		if method == "delete" && d == retentiontest.Digest("idx1") {
			return ErrLocked
		}
		return nil
	}
	if result, err := w.run(t.Context(), config(t, old)); err != nil || w.did("delete") != "pr" || result.Deleted != 1 {
		t.Errorf("deleted %q: %+v, %v", w.did("delete"), result, err)
	}
}

func TestARepositoryThatCannotBeListedStopsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	cfg := config(t, old)
	cfg.Images = append(cfg.Images, unmarshal[Pattern](t, "ghcr.io/acme/nowhere"))
	if _, err := w.run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no such repository") || len(w.calls) != 0 {
		t.Errorf("error %v after %v", err, w.calls)
	}
}

func TestThePlanIsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	cfg := config(t, old)
	cfg.DryRun, cfg.Protect = true, unmarshal[retention.Patterns](t, "latest")
	result, err := w.run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(result.Plan)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		DryRun bool
		Policy struct {
			Protect string
			Grace   string
			Rules   []map[string]any
		}
		Repositories []struct {
			Repository string
			Decisions  []struct{ Digest, Verdict, Reason string }
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if !document.DryRun || document.Policy.Protect != "latest" || document.Policy.Grace != "1d" || document.Policy.Rules[0]["delete-tags"] != "1.*\npr-*" {
		t.Errorf("policy is %+v", document)
	}
	if d := document.Repositories[0]; d.Repository != "ghcr.io/acme/app" || d.Decisions[0].Verdict != "delete" || d.Decisions[0].Reason == "" {
		t.Errorf("plan is %+v", d)
	}
}
