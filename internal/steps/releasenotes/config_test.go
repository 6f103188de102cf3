package releasenotes_test

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	given := ghapi.Repository{Owner: "a", Name: "b"}
	if r, err := (releasenotes.Config{Repository: given}).Target("c/d"); r != given || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	if r, err := (releasenotes.Config{}).Target("c/d"); r.String() != "c/d" || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := (releasenotes.Config{}).Target(""); err == nil || err.Error() != `input "repository" is missing` {
		t.Errorf("%v", err)
	}
}

func TestValidateNamesTheInput(t *testing.T) {
	t.Parallel()
	pinned := func(s string) image.Pinned {
		p, err := image.ParsePinned(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one, two := pinned("ghcr.io/a/b@sha256:"+strings.Repeat("a", 64)), pinned("ghcr.io/a/b@sha256:"+strings.Repeat("b", 64))
	for want, cfg := range map[string]releasenotes.Config{
		`"certificate-oidc-issuer"`:          {Identity: "x"},
		`"certificate-identity" has several`: {Identity: "x\ny", Issuer: "z"},
		`different digests`:                  {Images: []image.Pinned{one, two}},
		`is in no repository of "images"`:    {Images: []image.Pinned{one}, Tags: refs(t, "acme/app:1")},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	var p releasenotes.Prerelease
	var m releasenotes.MakeLatest
	if p.UnmarshalText([]byte("maybe")) == nil || m.UnmarshalText([]byte("maybe")) == nil {
		t.Error("maybe is accepted")
	}
}
