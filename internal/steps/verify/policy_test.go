package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/sigstore"
)

func refs(t *testing.T, texts ...string) []image.Ref {
	t.Helper()
	var all []image.Ref
	for _, text := range texts {
		ref, err := image.ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ref)
	}
	return all
}

func TestTheIdentityFollowsFromWhatTheUserTyped(t *testing.T) {
	t.Parallel()
	const (
		app    = "https://github.com/acme/app"
		issuer = "https://token.actions.githubusercontent.com"
		pinned = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	)
	for name, test := range map[string]struct {
		policy  Policy
		images  []string
		source  string
		want    []string // identities that are accepted
		wantRun sigstore.Source
	}{
		"from the name alone": {Policy{}, []string{"ghcr.io/acme/app:1.2.3"}, "",
			[]string{app + "/.github/workflows/release.yml@refs/tags/v1.2.3", app + "/.github/workflows/release.yml@refs/tags/1.2.3"},
			sigstore.Source{Repository: app, Ref: "refs/tags/v1.2.3"}},
		"a tag with a v": {Policy{}, []string{"ghcr.io/acme/app:v1.3.0-rc.1"}, "",
			[]string{app + "/.github/workflows/release.yml@refs/tags/v1.3.0-rc.1"}, sigstore.Source{Repository: app, Ref: "refs/tags/v1.3.0-rc.1"}},
		"the other name tells the version": {Policy{}, []string{"ghcr.io/acme/app:latest", "acme/other:v1.2.3"}, "",
			[]string{app + "/.github/workflows/release.yml@refs/tags/v1.2.3"}, sigstore.Source{Repository: app, Ref: "refs/tags/v1.2.3"}},
		"the label has the repository's capitals": {Policy{}, []string{"ghcr.io/acme/app:v1.2.3"}, "https://github.com/Acme/App",
			[]string{"https://github.com/Acme/App/.github/workflows/release.yml@refs/tags/v1.2.3"}, sigstore.Source{Repository: app, Ref: "refs/tags/v1.2.3"}},
		"a false label is passed over": {Policy{}, []string{"ghcr.io/acme/app:v1.2.3"}, "https://github.com/evil/app",
			[]string{app + "/.github/workflows/release.yml@refs/tags/v1.2.3"}, sigstore.Source{Repository: app, Ref: "refs/tags/v1.2.3"}},
		"all of it is given": {Policy{Repository: "acme/app", Workflow: "ship.yaml", Ref: "refs/heads/main", Commit: strings.Repeat("a", 40)}, []string{"docker.io/other/name" + pinned}, "",
			[]string{app + "/.github/workflows/ship.yaml@refs/heads/main"}, sigstore.Source{Repository: app, Ref: "refs/heads/main", Commit: strings.Repeat("a", 40)}},
		"a URL, of another server": {Policy{Repository: "https://ghe.example/acme/app.git", Workflow: ".github/workflows/release.yml"}, []string{"reg.example/app:v1.2.3"}, "",
			[]string{"https://ghe.example/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"}, sigstore.Source{Repository: "https://ghe.example/acme/app", Ref: "refs/tags/v1.2.3"}},
		"a reusable workflow": {Policy{Workflow: "acme/shared/.github/workflows/build.yml@refs/heads/main"}, []string{"ghcr.io/acme/app:1.2.3"}, "",
			[]string{"https://github.com/acme/shared/.github/workflows/build.yml@refs/heads/main", "https://github.com/acme/shared/.github/workflows/build.yml@refs/heads/main"}, sigstore.Source{Repository: app, Ref: "refs/tags/1.2.3"}},
		"an identity needs no name": {Policy{Identity: "https://example.com/x", Repository: "acme/app"}, []string{"acme/app:latest"}, "",
			[]string{"https://example.com/x"}, sigstore.Source{Repository: app}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.policy.Issuer = issuer
			if err := test.policy.Validate(); err != nil {
				t.Fatal(err)
			}
			all, err := test.policy.expect(refs(t, test.images...), test.source, sigstore.Identity{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			ran := false
			for _, e := range all {
				if err := e.Validate(); err != nil || e.Issuer != issuer || e.SubjectRegexp != "" {
					t.Errorf("identity %+v: %v", e.Identity, err)
				}
				got = append(got, e.Subject)
				ran = ran || e.run(test.wantRun) == nil
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("expects %q, want %q", got, test.want)
			}
			if !ran {
				t.Errorf("the run is refused by %v", all)
			}
		})
	}
}

func TestWhatAnImageSaysOfItselfIsNoIdentity(t *testing.T) {
	t.Parallel()
	const source = "https://github.com/acme/app"
	for name, test := range map[string]struct {
		policy Policy
		image  string
		want   []string // in the error and its mends
	}{
		"another registry":       {Policy{}, "docker.io/acme/app:1.2.3", []string{"who must have signed is not known", `"repository"`, "acme/app"}},
		"a folder of images":     {Policy{}, "ghcr.io/acme/team/app:1.2.3", []string{"who must have signed is not known"}},
		"a moving tag":           {Policy{}, "ghcr.io/acme/app:latest", []string{"the ref that was signed for", `"ref"`, "refs/tags/v1.2.3"}},
		"a line of versions":     {Policy{}, "ghcr.io/acme/app:1.2", []string{"the ref that was signed for"}},
		"a moving tag elsewhere": {Policy{Repository: "acme/app"}, "docker.io/acme/app:main", []string{"the ref that was signed for"}},
		"neither":                {Policy{}, "docker.io/acme/app:latest", []string{"who must have signed", "the ref that was signed for"}},
	} {
		e, err := test.policy.expect(refs(t, test.image), source, sigstore.Identity{})
		if err == nil {
			t.Errorf("%s: expects %v", name, e)
			continue
		}
		text := err.Error() + strings.Join(hint.Of(err), " ")
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q lacks %q", name, text, want)
			}
		}
	}
	if _, err := (Policy{}).expect(refs(t, "ghcr.io/acme/app:1.2.3", "ghcr.io/evil/app:1.2.4"), "", sigstore.Identity{}); err == nil {
		t.Error("two repositories and two versions are one")
	}
}

func TestASisterRepositoryIsSuggestedAndNoOther(t *testing.T) {
	t.Parallel()
	all, err := Policy{Issuer: "x"}.expect(refs(t, "ghcr.io/acme/app:1.2.3"), "", sigstore.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]bool{
		"https://github.com/acme/monorepo": true, "https://github.com/Acme/Monorepo": true, "https://github.com/acme/app": false,
		"https://github.com/evil/app": false, "https://github.com/acme-evil/app": false, "https://github.com/acme/../evil/app": false, "": false,
	} {
		if got := all[0].doubt(source); (got != "") != want || want && !strings.Contains(got, source) {
			t.Errorf("%s: %q", source, got)
		}
	}
}

func TestBadPoliciesAreRefused(t *testing.T) {
	t.Parallel()
	const id = "https://example.com/x"
	for name, test := range map[string]struct {
		policy     Policy
		want, mend string
	}{
		"two identities":       {Policy{Identity: id, IdentityRegexp: ".*"}, "both given", "leave out"},
		"identity, workflow":   {Policy{Identity: id, Workflow: "a.yml"}, "both say which workflow", "leave out"},
		"a broken pattern":     {Policy{IdentityRegexp: "("}, "not a regular expression", ""},
		"a bare name":          {Policy{Repository: "app"}, `"app" is not OWNER/NAME`, "acme/app"},
		"a path of three":      {Policy{Repository: "a/b/c"}, "not OWNER/NAME", ""},
		"plain http":           {Policy{Repository: "http://github.com/a/b"}, "not OWNER/NAME", ""},
		"a pattern's name":     {Policy{Repository: "acme/.*"}, "not OWNER/NAME", ""},
		"no workflow's file":   {Policy{Workflow: "release"}, "not the name of a workflow's file", "release.yml"},
		"a file elsewhere":     {Policy{Workflow: "../release.yml"}, "not the name", ""},
		"reusable, no ref":     {Policy{Workflow: "a/b/.github/workflows/c.yml"}, "not the name", "@refs/heads/main"},
		"a short ref":          {Policy{Ref: "v1.2.3"}, "not a full git ref", "refs/tags/v1.2.3"},
		"a pattern of refs":    {Policy{Ref: "refs/tags/*"}, "not a full git ref", ""},
		"a short commit":       {Policy{Commit: "abc1234"}, "not a commit", "40 hexadecimal"},
		"capitals in a commit": {Policy{Commit: strings.Repeat("A", 40)}, "not a commit", ""},
	} {
		test.policy.Issuer = "https://issuer.example"
		err := test.policy.Validate()
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
			t.Errorf("%s: %v, mends %q", name, err, hint.Of(err))
		}
	}
	if err := (Policy{}).Validate(); err == nil {
		t.Error("no issuer is accepted")
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("acme/app", "release.yml", "refs/tags/v1", "ghcr.io/acme/app:1.2.3", "https://github.com/Acme/app")
	f.Add("", "a/b/.github/workflows/c.yml@refs/heads/x", "", "ghcr.io/acme/app:1.2.3", "")
	f.Fuzz(func(t *testing.T, repository, workflow, ref, name, source string) {
		p := Policy{Issuer: "https://issuer.example", Repository: repository, Workflow: workflow, Ref: ref}
		img, err := image.ParseRef(name)
		if err != nil || p.Validate() != nil {
			return
		}
		all, err := p.expect([]image.Ref{img}, source, sigstore.Identity{})
		if err != nil {
			return
		}
		for _, e := range all {
			if err := e.Validate(); err != nil {
				t.Errorf("%+v expects %+v: %v", p, e, err)
			}
			if repository == "" && !strings.EqualFold(e.Repository, "https://github.com/"+img.Repository.Path()) {
				t.Errorf("%q with the label %q is of %q", name, source, e.Repository)
			}
		}
	})
}

func TestANameThatTellsNoIdentityIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	c := Config{Images: refs(t, "ghcr.io/acme/app:latest"), Policy: Policy{Issuer: "https://issuer.example"}, Output: "text"}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "the ref that was signed for is not known") {
		t.Errorf("got %v", err)
	}
	for name, edit := range map[string]func(*Config){
		"the ref":     func(c *Config) { c.Policy.Ref = "refs/tags/v1.2.3" },
		"an identity": func(c *Config) { c.Policy.Identity = "https://example.com/x" },
		"a key":       func(c *Config) { c.Trust.Key = "cosign.pub" },
	} {
		c := c
		edit(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("with %s: %v", name, err)
		}
	}
}
