package promote

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
)

func pinned(t *testing.T, s string) image.Pinned {
	t.Helper()
	p, err := image.ParsePinned(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func refs(t *testing.T, list string) []image.Ref {
	t.Helper()
	var refs []image.Ref
	for s := range strings.FieldsSeq(list) {
		ref, err := image.ParseRef(s)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return refs
}

var (
	one = "@sha256:" + strings.Repeat("1", 64)
	two = "@sha256:" + strings.Repeat("2", 64)
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ images, tags, want string }{
		"good":           {"ghcr.io/org/app" + one + " org/app" + one, "ghcr.io/org/app:1 index.docker.io/org/app:1", ""},
		"two digests":    {"ghcr.io/org/app" + one + " org/app" + two, "", "different digests"},
		"other place":    {"ghcr.io/org/app" + one, "ghcr.io/org/other:1", `"ghcr.io/org/other:1" is in no repository of "images"`},
		"bare tag":       {"ghcr.io/org/app" + one, "1.2.3", "is in no repository"},
		"tag and digest": {"ghcr.io/org/app" + one, "ghcr.io/org/app:1" + two, "has a digest"},
	} {
		cfg := Config{Tags: refs(t, test.tags)}
		for s := range strings.FieldsSeq(test.images) {
			cfg.Images = append(cfg.Images, pinned(t, s))
		}
		err := cfg.Validate()
		if test.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
}

func TestResultShowsEveryTag(t *testing.T) {
	t.Parallel()
	before, now := pinned(t, "org/app"+one).Digest, pinned(t, "org/app"+two).Digest
	tags := refs(t, "org/app:1.2.3 org/app:1.2 org/app:1 org/app:latest org/app:edge")
	result := Result{Digest: now, Changes: []Change{
		{tags[0], "", Moved}, {tags[1], now, Confirmed}, {tags[2], before, PutBack}, {tags[3], before, Stuck}, {tags[4], before, ""},
	}}
	wantSummary := "## Tags\n\nThe image is `" + string(now) + "`.\n\n| tag | before | after | |\n|---|---|---|---|\n" +
		"| `docker.io/org/app:1.2.3` | none | sha256:222222222222 | moved |\n" +
		"| `docker.io/org/app:1.2` | sha256:222222222222 | sha256:222222222222 | was there already |\n" +
		"| `docker.io/org/app:1` | sha256:111111111111 | sha256:111111111111 | put back |\n" +
		"| `docker.io/org/app:latest` | sha256:111111111111 | unknown | could not be put back |\n" +
		"| `docker.io/org/app:edge` | sha256:111111111111 | sha256:111111111111 | not moved |\n"
	if got := result.Summary(); got != wantSummary {
		t.Errorf("summary:\n%s\nwant:\n%s", got, wantSummary)
	}
	var b strings.Builder
	if err := result.Print(&b); err != nil {
		t.Fatal(err)
	}
	if want := "docker.io/org/app:1.2.3: none → sha256:222222222222 (moved)\n"; !strings.HasPrefix(b.String(), want) || strings.Count(b.String(), "\n") != 5 {
		t.Errorf("printed %q, want it to begin with %q", b.String(), want)
	}
}
