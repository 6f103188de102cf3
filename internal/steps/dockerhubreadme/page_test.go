package dockerhubreadme_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
)

func TestADryRunPrintsADiffAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config("octo/app")
	cfg.ShortDescription = "An app"
	if _, err := w.run(cfg); err != nil {
		t.Fatal(err)
	}
	w.readme("# App\n\nNew, with ```.\n")
	cfg.DryRun, cfg.Categories = true, []dockerhubreadme.Category{"security"}
	cfg.Username, cfg.Password = "octo", secret.String{} // as in a pull request from a fork
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	result, err := w.run(cfg)
	if err != nil || !slices.Equal(w.requests, []string{"GET /v2/repositories/octo/app"}) {
		t.Errorf("requests %q, %v", w.requests, err)
	}
	const want = `--- docker.io/octo/app (now)
+++ docker.io/octo/app (then)
@@ -1,4 +1,5 @@
 short description: An app
+categories: security
 # App
 
-See [the docs](docs/x.md).
+New, with ` + "```.\n"
	if w.out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", w.out.String(), want)
	}
	if s := result.Summary(); !strings.Contains(s, "| would be updated |") || !strings.Contains(s, "\n````diff\n"+want+"````\n") {
		t.Errorf("summary is %s", s)
	}
	if len(result.URLs) > 0 || !slices.Equal(result.Changed, []string{"https://hub.docker.com/r/octo/app"}) {
		t.Errorf("result is %+v", result)
	}
	if p := w.page("octo/app"); !strings.Contains(p.FullDescription, "See [the docs]") || len(p.Categories) > 0 {
		t.Errorf("page is %+v", p)
	}
}

func TestCategoriesAreSetOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config("octo/app")
	cfg.Categories = make([]dockerhubreadme.Category, 2)
	for i, name := range []string{"Machine learning & AI", "developer-tools"} {
		if err := cfg.Categories[i].UnmarshalText([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.run(cfg); err != nil || len(w.requests) != 4 {
		t.Errorf("requests %q, %v", w.requests, err)
	}
	if p := w.page("octo/app"); len(p.Categories) != 2 || p.Categories[0].Slug != "machine-learning-and-ai" {
		t.Errorf("page is %+v", p)
	}
	slices.Reverse(cfg.Categories)
	if _, err := w.run(cfg); err != nil || len(w.requests) != 2 {
		t.Errorf("again: requests %q, %v", w.requests, err)
	}
	cfg.Categories = []dockerhubreadme.Category{"blockchain"}
	if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), `set the categories of "docker.io/octo/app": 400 Bad Request: invalid category`) ||
		!strings.Contains(strings.Join(hint.Of(err), " "), "/v2/categories") {
		t.Errorf("error %v, %q", err, hint.Of(err))
	}
}

func TestALongTextIsCutWithALink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readme(strings.Repeat("Zeile für Zeile.\n\n", 2000))
	cfg := w.config("octo/app")
	cfg.ShortDescription = strings.Repeat("ü", 51)
	if _, err := w.run(cfg); err != nil {
		t.Fatal(err)
	}
	p := w.page("octo/app")
	if n := len(p.FullDescription); n > dockerhub.MaxFullDescription || n < dockerhub.MaxFullDescription-200 || !utf8.ValidString(p.FullDescription) {
		t.Errorf("description has %d bytes", n)
	}
	if want := "Zeile.\n\n*Docker Hub shows 25,000 bytes of this text; [all of it is on GitHub](https://github.com/octocat/app/blob/v1/README.md).*"; !strings.HasSuffix(p.FullDescription, want) {
		t.Errorf("description ends with %q", p.FullDescription[len(p.FullDescription)-200:])
	}
	if *p.Description != strings.Repeat("ü", 50) {
		t.Errorf("short description is %q", *p.Description)
	}
	if _, err := w.run(cfg); err != nil || len(w.requests) != 2 {
		t.Errorf("second run: %q, %v", w.requests, err)
	}
}

func TestInputsAreChecked(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"app", "octo/app:1", "https://hub.docker.com/octo/app", ""} {
		var r dockerhubreadme.Repository
		if err := r.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("repository %q is accepted as %v", s, r)
		}
	}
	var e dockerhubreadme.Extensions
	if err := e.UnmarshalText([]byte("*")); err == nil || len(hint.Of(err)) == 0 {
		t.Errorf("extension *: %v", err)
	}
	w := newWorld(t)
	cfg := w.config("octo/app")
	cfg.Readme = "missing.md"
	if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), `input "readme-filepath": open`) || len(w.requests) > 0 {
		t.Errorf("error %v, requests %q", err, w.requests)
	}
}
