package dockerhubreadme_test

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
)

func TestBadConfigsAreRefusedWithTheMend(t *testing.T) {
	t.Parallel()
	login := dockerhubreadme.Config{Username: "u", Password: secret.New("planted")}
	for name, test := range map[string]struct {
		change     func(*dockerhubreadme.Config)
		want, mend string
	}{
		"not on Docker Hub": {
			func(c *dockerhubreadme.Config) { c.Repositories = repositories(t, "ghcr.io/o/a") },
			`input "repository": repository "ghcr.io/o/a" is not on Docker Hub but on ghcr.io`, "provider",
		},
		"too deep": {
			func(c *dockerhubreadme.Config) { c.Repositories = repositories(t, "o/a/b") },
			`repository "o/a/b" is not namespace/name`, "acme/app",
		},
		"Docker Hub's on Quay": {
			func(c *dockerhubreadme.Config) {
				c.Provider, c.Repositories = dockerhubreadme.Quay, repositories(t, "docker.io/o/a")
			},
			`repository "docker.io/o/a" is not on Quay but on Docker Hub`, "namespace/name",
		},
		"Harbor without host": {
			func(c *dockerhubreadme.Config) {
				c.Provider, c.Repositories = dockerhubreadme.Harbor, repositories(t, "o/a")
			},
			`repository "o/a" does not say on which Harbor it is`, "harbor.example.com",
		},
		"Harbor with nothing": {
			func(c *dockerhubreadme.Config) { c.Provider = dockerhubreadme.Harbor },
			`inputs "repository" and "api-url" are missing`, "api-url",
		},
		"two hosts": {
			func(c *dockerhubreadme.Config) {
				c.Provider, c.Repositories = dockerhubreadme.Quay, repositories(t, "o/a", "quay.example.com/o/a")
			},
			`input "repository": quay.io/o/a and quay.example.com/o/a are not on one host`, "once for each",
		},
		"categories on Quay": {
			func(c *dockerhubreadme.Config) {
				c.Provider, c.Categories = dockerhubreadme.Quay, []dockerhubreadme.Category{"security"}
			},
			`input "categories": Quay has none`, "leave the input out",
		},
		"four categories": {
			func(c *dockerhubreadme.Config) { c.Categories = make([]dockerhubreadme.Category, 4) },
			`input "categories": there are 4`, "3 at most",
		},
	} {
		cfg := login
		test.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
			t.Errorf("%s: error %v, hints %q", name, err, hint.Of(err))
		}
	}

	var provider dockerhubreadme.Provider
	if err := provider.UnmarshalText([]byte("harbor")); err == nil || !strings.Contains(strings.Join(hint.Of(err), " "), "harbor2") {
		t.Errorf("provider: %v", err)
	}
	var category dockerhubreadme.Category
	for _, s := range []string{"", "a_b", "../x", "-"} {
		if err := category.UnmarshalText([]byte(s)); err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("category %q: %v", s, err)
		}
	}
}

func TestQuayNeedsNoUsername(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"o/a"}, {"quay.io/o/a"}, {"quay.example.com/o/team/a"}} {
		cfg := dockerhubreadme.Config{Provider: dockerhubreadme.Quay, Password: secret.New("planted"), Repositories: repositories(t, names...)}
		if err := cfg.Validate(); err != nil {
			t.Errorf("%q: %v", names, err)
		}
	}
}

func TestTheFileMustBeText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\x00b":                     "is not text",
		strings.Repeat("x", 4<<20+1): "has 4194305 bytes",
		"<!-- #region dockerhub -->\n\n<!-- #endregion -->\nx": "has nothing to show",
		"<!-- #region dockerhub -->\nx":                        "has no end",
	} {
		w := newWorld(t)
		w.readme(text)
		cfg := w.config("octo/app")
		cfg.Region = "dockerhub"
		if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 || len(w.requests) > 0 {
			t.Errorf("%.40q: error %v", text, err)
		}
	}
}
