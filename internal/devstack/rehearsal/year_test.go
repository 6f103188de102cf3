//go:build e2e

package rehearsal_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const day = 24 * time.Hour

// aged is a build that was pushed some days ago.
type aged struct {
	days   int
	tags   []string
	signed bool
}

// aYear is what a project pushes in a year: releases, pre-releases, builds of
// branches, and each night one build under a tag that moves.
func aYear() (builds []aged) {
	for n, days := range []int{360, 270, 120, 12} {
		version := fmt.Sprintf("1.%d.0", n)
		for rc := range 2 {
			builds = append(builds, aged{days + 5 - rc, []string{fmt.Sprintf("%s-rc.%d", version, rc+1)}, rc == 1})
		}
		builds = append(builds, aged{days, []string{version, "latest"}, true})
	}
	for n := range 13 {
		builds = append(builds, aged{200 - n, []string{fmt.Sprintf("branch-%d", n)}, n > 10})
		builds = append(builds, aged{100 - n, []string{"nightly"}, n > 10})
	}
	slices.SortStableFunc(builds, func(a, b aged) int { return b.days - a.days })
	return builds
}

// old is a pair of repositories with a year's builds.
type old struct {
	repositories []string
	builds       map[string]candidate // by tag, the last one
}

// pushYear pushes the builds, each at its time, with our own signatures.
func pushYear(t *testing.T, builds []aged, repositories ...string) old {
	t.Helper()
	t.Cleanup(func() {
		if err := world.SetClock(context.WithoutCancel(t.Context()), 0); err != nil {
			t.Error(err)
		}
	})
	o := old{repositories, map[string]candidate{}}
	for _, b := range builds {
		if err := world.SetClock(t.Context(), -time.Duration(b.days)*day); err != nil {
			t.Fatal(err)
		}
		c := push(t, repositories)
		if b.signed {
			runStep(t, "sign", c, map[string]string{"signing-config": world.Env["SIGSTORE_SIGNING_CONFIG"], "output-dir": c.dir})
		}
		for _, tag := range b.tags {
			retag(t, c, tag)
			o.builds[tag] = c
		}
	}
	if err := world.SetClock(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return o
}

// whole has crane pull each kept tag on each platform, and cosign verify each
// that was signed, on each platform too.
func (o old) whole(t *testing.T, repository string, kept []string, signed map[string]bool) {
	t.Helper()
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, tag := range kept {
		c, ok := o.builds[tag]
		if !ok {
			t.Errorf("%s has the tag %q, which nothing set", repository, tag)
			continue
		}
		for _, err := range o.look(t, j, repository, tag, c, signed[tag]) {
			t.Error(err)
		}
	}
}

// look returns what crane and cosign have against a tag.
func (o old) look(t *testing.T, j *rehearsal.Judges, repository, tag string, c candidate, signed bool) (errs []error) {
	t.Helper()
	refs := map[string]string{repository + ":" + tag: c.digests[0]}
	for _, platform := range platforms {
		tarball := filepath.Join(t.TempDir(), "image.tar")
		if _, err := j.Run(t.Context(), "crane", "pull", "--platform", platform, repository+":"+tag, tarball); err != nil {
			errs = append(errs, fmt.Errorf("crane pull %s:%s for %s: %w", repository, tag, platform, err))
		}
	}
	if !signed {
		return errs
	}
	for _, digest := range c.digests[1:] {
		refs[repository+"@"+digest] = digest
	}
	for ref, digest := range refs {
		if err := j.Signature(t.Context(), "cosign3", ref, digest); err != nil {
			errs = append(errs, fmt.Errorf("cosign verify %s: %w", ref, err))
		}
	}
	return errs
}

func signedTags(builds []aged) map[string]bool {
	signed := map[string]bool{}
	for _, b := range builds {
		for _, tag := range b.tags {
			signed[tag] = b.signed
		}
	}
	return signed
}
