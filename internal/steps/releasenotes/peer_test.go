package releasenotes_test

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

// peerCase is a recorded run of softprops/action-gh-release.
type peerCase struct {
	ID    string
	Input struct {
		Event  struct{ Ref, SHA string }
		Inputs map[string]string
		Files  map[string]string
		Before []peerRelease `json:"initial_releases"`
		// Fail holds the answers to calls, each used once.
		Fail map[string][]struct {
			Status   int
			Body     json.RawMessage
			AddAsset string
		}
		Token string
	}
	Expect peerOutcome
}

type peerOutcome struct {
	ExitCode int           `json:"exit_code"`
	Releases []peerRelease `json:"final_releases"`

	err string // ours, where it ends in one
}

type peerRelease struct {
	Tag        string      `json:"tag_name"`
	Target     string      `json:"target_commitish"`
	Name       *string     `json:"name,omitempty"`
	Body       *string     `json:"body,omitempty"`
	Draft      bool        `json:"draft"`
	Prerelease bool        `json:"prerelease"`
	Assets     []peerAsset `json:"assets,omitempty"`
}

type peerAsset struct {
	Name        string
	Label       *string
	Size        int
	ContentType string `json:"content_type"`
	State       string
}

// String describes a release; null and "" are the same to people.
func (r peerRelease) String() string {
	var assets []string
	for _, a := range r.Assets {
		assets = append(assets, fmt.Sprintf("%s %q %d %s %s", a.Name, text(a.Label), a.Size, a.ContentType, a.State))
	}
	slices.Sort(assets)
	return fmt.Sprintf("%s at %s: %q %q draft=%v prerelease=%v %q", r.Tag, r.Target, text(r.Name), text(r.Body), r.Draft, r.Prerelease, assets)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// difference is where ours ends otherwise. why stands in docs/release-notes.md.
type difference struct {
	why  string
	ours func(*peerOutcome)
}

const (
	whyWords     = "A word that is no boolean is an error, and `TRUE` is true."
	whyNoTag     = "A run for a branch releases nothing, rather than make a draft without a tag."
	whyUnmatched = "A pattern that no file matches is an error, unless `fail-on-unmatched-files: false`."
	whyExtglob   = "Patterns are doublestar's: `{a,b}.*` rather than `+(a\\|b).*`."
	whyAppend    = "`append-body` holds for a draft that was there, too."
	whyRetry     = "A passing fault is tried again."
	whyUnchanged = "Where nothing differs nothing is written."
	whyKept      = "A draft that can't be published stays, with its files, for the next run."
)

var differences = map[string]difference{
	"new-prerelease-bad":         {whyWords, func(o *peerOutcome) { *o = peerOutcome{err: `"yes" is neither auto, true nor false`} }},
	"new-draft-upper":            {whyWords, func(o *peerOutcome) { o.Releases[0].Draft = true }},
	"dispatch-draft-no-tag":      {whyNoTag, func(o *peerOutcome) { o.Releases = nil }},
	"files-dir":                  {whyUnmatched, unmatched},
	"files-workdir-missing":      {whyUnmatched, unmatched},
	"files-partial":              {whyUnmatched, unmatched},
	"files-case":                 {whyUnmatched, unmatched},
	"files-trailing-slash":       {whyUnmatched, unmatched},
	"files-extglob":              {whyExtglob, unmatched},
	"update-draft-existing-body": {whyAppend, func(o *peerOutcome) { both := "old body\n\nnew"; o.Releases[0].Body = &both }},
	"fail-get-500":               {whyRetry, func(o *peerOutcome) { *o = peerOutcome{Releases: []peerRelease{published()}} }},
	"fail-upload-422-exists": {whyRetry, func(o *peerOutcome) {
		o.err, o.Releases[0].Draft = "", false
		o.Releases[0].Assets = []peerAsset{{Name: "LICENSE", Size: 3, ContentType: "application/octet-stream", State: "uploaded"}}
	}},
	"fail-update-403":     {whyUnchanged, func(o *peerOutcome) { o.err = "" }},
	"fail-finalize-rules": {whyKept, func(o *peerOutcome) { r := published(); r.Draft = true; o.Releases = []peerRelease{r} }},
}

func unmatched(o *peerOutcome) { *o = peerOutcome{err: "no file matches"} }

func published() peerRelease {
	name := "v1.0.0"
	return peerRelease{Tag: "v1.0.0", Target: "main", Name: &name}
}

// TestEndsAsThePeer replays recorded runs: the same inputs, under the peer's own
// names, leave the same releases and assets.
func TestEndsAsThePeer(t *testing.T) {
	t.Parallel()
	var recorded struct{ Cases []peerCase }
	read(t, "testdata/peer.json", &recorded)
	if len(recorded.Cases) < 70 {
		t.Fatalf("%d cases", len(recorded.Cases))
	}
	for _, c := range recorded.Cases {
		want := c.Expect
		if want.ExitCode != 0 {
			want.err = " " // whatever its words
		}
		d, differs := differences[c.ID]
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			if !differs {
				c.replay(t, want)
				return
			}
			d.ours(&want)
			c.replay(t, want)
			if d.why == whyUnmatched { // with the peer's default it is the same
				c.Input.Inputs["fail_on_unmatched_files"] = "false"
				c.replay(t, c.Expect)
			}
		})
	}
}

func TestDifferencesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/release-notes.md")
	if err != nil {
		t.Fatal(err)
	}
	for id, d := range differences {
		if !strings.Contains(string(text), d.why) {
			t.Errorf("docs/release-notes.md lacks, for %s: %s", id, d.why)
		}
	}
}

func read(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (c peerCase) replay(t *testing.T, want peerOutcome) {
	t.Helper()
	w := newWorld(t, github.Options{})
	c.prepare(w)
	cfg, err := c.config(w.dir)
	if err == nil {
		d := w.deps()
		d.Job.Ref, d.Job.Commit, d.Home = c.Input.Event.Ref, c.Input.Event.SHA, w.dir
		_, err = releasenotes.Run(t.Context(), cfg, d)
	}
	w.faults.Clear()
	if (err != nil) != (want.err != "") || err != nil && !strings.Contains(err.Error(), strings.TrimSpace(want.err)) {
		t.Errorf("error %v, want %q", err, want.err)
	}
	var got []peerRelease
	w.api(http.MethodGet, "/releases?per_page=100", nil, &got)
	slices.Reverse(got) // the oldest first
	if got, want := lines(got), lines(want.Releases); got != want {
		t.Errorf("releases are\n%s\nwant\n%s", got, want)
	}
}

// lines describes releases; the text that GitHub generates is not the peer's
// concern, nor ours.
func lines(releases []peerRelease) string {
	var b strings.Builder
	for _, r := range releases {
		if strings.HasPrefix(text(r.Body), "**Full Changelog**") || strings.Contains(text(r.Body), "* generated") {
			generated := "generated"
			r.Body = &generated
		}
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// config decodes the inputs by the peer's names, which the tags of Config hold as
// aliases where they aren't ours.
func (c peerCase) config(dir string) (releasenotes.Config, error) {
	cfg := releasenotes.Config{WorkingDir: dir, FailUnmatched: true, Overwrite: true}
	if c.Input.Token != "" {
		cfg.APIToken = secret.New(token)
	}
	fields := reflect.ValueOf(&cfg).Elem()
	for i := range fields.NumField() {
		name, alias, _ := strings.Cut(fields.Type().Field(i).Tag.Get("input"), ",alias=")
		value := cmp.Or(c.Input.Inputs[alias], c.Input.Inputs[name])
		if value == "" {
			continue
		}
		if name == "body-path" || name == "working-directory" {
			value = filepath.Join(dir, value)
		}
		var err error
		switch field := fields.Field(i).Addr().Interface().(type) {
		case encoding.TextUnmarshaler:
			err = field.UnmarshalText([]byte(value))
		case *string:
			*field = value
		case *bool:
			*field, err = strconv.ParseBool(value)
		case *[]string:
			for _, line := range strings.Split(value, "\n") {
				if line = strings.TrimSpace(line); line != "" {
					*field = append(*field, line)
				}
			}
		default:
			err = fmt.Errorf("no test gives %q", name)
		}
		if err != nil {
			return cfg, err
		}
	}
	return cfg, cfg.Validate()
}

// prepare makes files, tags, releases and faults.
func (c peerCase) prepare(w *world) {
	w.t.Helper()
	for name, content := range c.Input.Files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, tag := range []string{"v1.0.0", "foo/v1.0.0", "v9.9.9"} {
		w.api(http.MethodPost, "/git/refs", map[string]string{"ref": "refs/tags/" + tag, "sha": commit}, nil)
	}
	for _, r := range c.Input.Before {
		var made struct{ ID int64 }
		assets := r.Assets
		r.Assets = nil
		w.api(http.MethodPost, "/releases", r, &made)
		for _, a := range assets {
			w.upload(made.ID, a.Name, strings.Repeat("?", a.Size), a.ContentType)
		}
	}
	for call, answers := range c.Input.Fail {
		for _, answer := range answers {
			rule := fault.Rule{Host: "api.github.com", Status: answer.Status, Body: string(answer.Body), Count: 1, Late: answer.AddAsset != ""}
			switch method, path, _ := strings.Cut(call, " "); {
			case method == "UPLOAD":
				rule.Host = "uploads.github.com"
			case path == "finalize", strings.HasPrefix(path, "/releases/1"):
				rule.Method, rule.Path = method, "/repos/octocat/hello/releases/"
			case path == "/assets":
				rule.Method, rule.Path = method, "/repos/octocat/hello/releases/"
				rule.Skip = 1 // the release itself is looked for first
			default:
				rule.Method, rule.Path = method, "/repos/octocat/hello"+path
			}
			if err := w.faults.Add(rule); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
