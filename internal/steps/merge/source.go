package merge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// Source is what a build pushed: an image, or an index.
type Source struct {
	Digest image.Digest
	// Platform is what it must be for; whatever it says by itself where zero.
	Platform image.Platform
}

// UnmarshalText parses "[os/arch[/variant]=]sha256:…".
func (s *Source) UnmarshalText(text []byte) error {
	platform, digest, labelled := strings.Cut(string(text), "=")
	if !labelled {
		platform, digest = "", string(text)
	}
	if name, pinned, ok := strings.Cut(digest, "@"); ok && name != "" {
		return hint.Wrap(fmt.Errorf("%q has a repository", text), "write %q: it is looked for in every one of \"images\"", pinned)
	}
	var err error
	if s.Digest, err = image.ParseDigest(digest); err != nil {
		return hint.Wrap(err, "write linux/amd64=sha256:… or sha256:…, one a line, as build-push has it in the output \"digest\"")
	}
	if labelled {
		s.Platform, err = image.ParsePlatform(platform)
	}
	return err
}

// build is what the registries have of a source.
type build struct {
	Source
	entries []registry.Entry // none where it could not be read
}

// find looks at every source in every repository, all at once. It returns all
// errors, beside what it could read.
func find(ctx context.Context, repos []image.Repository, sources []Source, client *registry.Client) ([]build, error) {
	builds := make([]build, len(sources))
	err := parallel.Each(sources, func(n int, s Source) (err error) {
		builds[n].Source = s
		builds[n].entries, err = look(ctx, repos, s.Digest, client)
		return err
	})
	return builds, err
}

// look reads what a digest holds, and sees to it that every repository has all
// of it. build-push has read it back there, so that nothing needs to be waited for.
func look(ctx context.Context, repos []image.Repository, digest image.Digest, client *registry.Client) ([]registry.Entry, error) {
	have, err := holders(ctx, repos, digest, client)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return nil, hint.Wrap(fmt.Errorf("digest %q is in no repository of \"images\"", digest),
			"see that its build succeeded with the same \"images\", and that nothing deletes untagged images")
	}
	origin := have[0].Pin(digest)
	errs := []error{lacks(repos, have, digest, origin)}
	entries, err := client.Entries(ctx, origin)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	// A registry may have an index without what is in it.
	errs = append(errs, parallel.Each(children(digest, entries), func(_ int, child image.Digest) error {
		hold, err := holders(ctx, have, child, client)
		if err != nil {
			return err
		}
		return lacks(have, hold, child, origin)
	}))
	return entries, errors.Join(errs...)
}

// children returns the manifests that an index names; none for an image.
func children(digest image.Digest, entries []registry.Entry) []image.Digest {
	var all []image.Digest
	for _, e := range entries {
		all = append(all, image.Digest(e.Descriptor.Digest.String()))
		for _, a := range e.Attestations {
			all = append(all, image.Digest(a.Digest.String()))
		}
	}
	return slices.DeleteFunc(all, func(d image.Digest) bool { return d == digest })
}

// holders returns the repositories that have a manifest.
func holders(ctx context.Context, repos []image.Repository, digest image.Digest, client *registry.Client) ([]image.Repository, error) {
	has := make([]bool, len(repos))
	err := parallel.Each(repos, func(n int, repo image.Repository) error {
		_, err := client.Resolve(ctx, repo.Pin(digest).Ref())
		if has[n] = err == nil; errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		return err
	})
	var have []image.Repository
	for n, repo := range repos {
		if has[n] {
			have = append(have, repo)
		}
	}
	return have, err
}

// lacks returns an error for each of the repositories that doesn't have a
// digest, which is origin or a part of it.
func lacks(repos, have []image.Repository, digest image.Digest, origin image.Pinned) error {
	var errs []error
	for _, repo := range repos {
		if slices.Contains(have, repo) {
			continue
		}
		err := fmt.Errorf("digest %q is not in %q", digest, repo)
		if digest != origin.Digest {
			err = fmt.Errorf("manifest %q of digest %q is not in %q", digest, origin.Digest, repo)
		}
		errs = append(errs, hint.Wrap(err, "give every build the same \"images\"; or copy it, as in \"crane copy %s %s\", and run again", origin, repo.Pin(origin.Digest)))
	}
	return errors.Join(errs...)
}
