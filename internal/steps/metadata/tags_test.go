package metadata

import (
	"testing"

	"github.com/org/release-actions/internal/image"
)

func FuzzTagsAreValid(f *testing.F) {
	for _, seed := range []string{"", "v1.2.3", "-", "..a", "é/ü", "a b\n", "\xff-\xfe"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var set tagSet
		for _, tag := range []string{a, b, a + b} {
			added, why := set.add(sanitize(tag))
			if added != tag && why == "" && sanitize(tag) != added {
				t.Errorf("%q became %q, and nobody says why", tag, added)
			}
		}
		for i, name := range set.names {
			if !image.ValidTag(name) {
				t.Errorf("%q is no tag", name)
			}
			for _, other := range set.names[:i] {
				if other == name {
					t.Errorf("%q is there twice", name)
				}
			}
		}
	})
}

// fuzzVersions reads versions out of git tags by the rules.
func fuzzVersions(f *testing.F, rules string) {
	f.Helper()
	for _, seed := range []string{"v1.2.3", "1.2.3-rc.1+b.5", "1!2.0rc1.post2.dev3+u-b_1", "01.2", "1.0-1", "99999999999999999999.0.0", " 1.0 ", "a/1.2.3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		r, _, err := try(t, map[string]string{"images": "a/b", "tags": rules}, "refs/tags/"+tag)
		if err != nil {
			t.Errorf("%q: %v", tag, err)
		}
		checkTags(t, r)
	})
}

func FuzzSemver(f *testing.F) {
	fuzzVersions(f, "type=semver,pattern={{version}}\ntype=semver,pattern={{raw}}\ntype=semver,pattern={{major}}.{{minor}}.{{patch}}{{#each build}}-{{this}}{{/each}}")
}

func FuzzPEP440(f *testing.F) {
	fuzzVersions(f, "type=pep440,pattern={{version}}\ntype=pep440,pattern={{raw}}\ntype=pep440,pattern={{major}}.{{minor}}.{{patch}}")
}
