package cleanup

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

func TestPatternsOfRepositories(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ghcr.io/acme/app": "ghcr.io/acme/app", "acme/app": "docker.io/acme/app", "index.docker.io/acme/app-*": "docker.io/acme/app-*",
		"ghcr.io/acme/**": "ghcr.io/acme/**", "127.0.0.1:5000/a/*/b": "127.0.0.1:5000/a/*/b",
	} {
		p := unmarshal[Pattern](t, text)
		if _, one := p.repository(); string(p) != want || one == strings.Contains(text, "*") {
			t.Errorf("%q is %q, one repository: %v", text, p, one)
		}
	}
	for text, want := range map[string]string{
		"ghcr.io/acme/app:1.2": "more than a repository", "ghcr.io/acme/app@sha256:12": "more than a repository", "*/app:5000": "more than a repository",
		"ghcr.io/Acme/app": "names no repository", "": "names no repository", "ghcr.io/acme/[a]": "names no repository", "*.io/acme/app": "a star in its host",
	} {
		var p Pattern
		if err := p.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"ghcr.io/acme/*", "**", "a/b:c", "*/b", "0any0name0/x", "/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var p, again Pattern
		if p.UnmarshalText([]byte(s)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(p)); err != nil || again != p {
			t.Errorf("%q is %q, which is %q, %v", s, p, again, err)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	app := []Pattern{"ghcr.io/acme/app"}
	rules := unmarshal[retention.Rules](t, "- untagged: true")
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"rules":         {Config{Images: app, Rules: rules}, ""},
		"one rule":      {Config{Images: app, Rule: retention.Rule{Untagged: true}}, ""},
		"both":          {Config{Images: app, Rules: rules, Rule: retention.Rule{KeepNewest: 1}}, `there are "rules" and the inputs of one rule`},
		"neither":       {Config{Images: app}, "nothing says what goes"},
		"no repository": {Config{Rules: rules}, `input "images" is missing`},
		"restore":       {Config{Restore: "plan.json"}, ""},
		"restore, too":  {Config{Restore: "plan.json", Rules: rules}, `rules are given together with "restore"`},
		"less":          {Config{Images: app, Rule: retention.Rule{Untagged: true, Oldest: -1}}, "less than none"},
	} {
		err := test.cfg.Validate()
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestJournalTellsWhatWasBegun(t *testing.T) {
	t.Parallel()
	line := func(state, name string) string {
		return `{"state":"` + state + `","repository":"ghcr.io/acme/app","digest":"` + string(retentiontest.Digest(name)) + `"}` + "\n"
	}
	names := "a \nb \nc \nd "
	for text, want := range map[string]string{
		"": "",
		line("planned", "a") + line("planned", "b"): "a b",
		line("planned", "a") + line("planned", "b") + line("deleting", "a") + line("deleted", "a") + line("deleting", "b"): "b",
		line("planned", "a") + line("planned", "b") + line("spared", "b"):                                                  "a",
		line("planned", "a") + `{"state":"dele`:                                                                            "a",
	} {
		begun, err := parseJournal([]byte(text))
		var all []image.Digest
		for _, digests := range begun {
			all = append(all, digests...)
		}
		if got := retentiontest.Names(names, all); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"x\n", line("gone", "a"), `{"state":"planned","repository":"A","digest":"x"}` + "\n"} {
		if _, err := parseJournal([]byte(text)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"state":"planned","repository":"ghcr.io/acme/app","digest":"sha256:` + strings.Repeat("a", 64) + `"}` + "\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		begun, err := parseJournal(text)
		if err == nil && len(text) == 0 && len(begun) > 0 {
			t.Error("nothing was begun")
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"time":"2026-10-31T00:00:00Z","repositories":[{"repository":"ghcr.io/a/b","decisions":[{"digest":"sha256:` + strings.Repeat("a", 64) + `","verdict":"delete"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		document, err := parseDocument(text)
		if err != nil {
			return
		}
		for _, p := range document.Repositories {
			for _, v := range p.Deletions() {
				_ = label(v) + p.Of.Pin(v.Digest).String()
			}
		}
	})
}
