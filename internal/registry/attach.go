package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// emptyConfig stands for no config.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor
var emptyConfig = []byte("{}")

// Attach pushes the artifacts as referrers of subject and returns them, in order.
// The same artifact has the same digest each time, so that attaching it again
// changes nothing. It returns only when the registry lists them.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
func (c *Client) Attach(ctx context.Context, subject image.Pinned, artifacts ...Artifact) ([]image.Pinned, error) {
	attached, err := c.attach(ctx, subject, artifacts)
	if err != nil {
		return nil, c.failWrite("attach evidence to", subject.Repository, subject, err)
	}
	return attached, nil
}

func (c *Client) attach(ctx context.Context, subject image.Pinned, artifacts []Artifact) ([]image.Pinned, error) {
	s, err := c.session(ctx, subject.Repository, transport.PushScope)
	if err != nil {
		return nil, err
	}
	// What a manifest names must be there before it: the blobs and, for its size, the subject.
	var target v1.Descriptor
	ready, readyCtx := errgroup.WithContext(ctx)
	ready.SetLimit(parallel)
	ready.Go(func() (err error) {
		target, err = s.target(readyCtx, subject)
		return err
	})
	ready.Go(func() error { return s.uploadMissing(readyCtx, emptyConfig) })
	for _, a := range artifacts {
		ready.Go(func() error { return s.uploadOnce(readyCtx, a.Content) })
	}
	if err := ready.Wait(); err != nil {
		return nil, err
	}
	attached := make([]image.Pinned, len(artifacts))
	entries := make([]v1.Descriptor, len(artifacts))
	puts, putCtx := errgroup.WithContext(ctx)
	puts.SetLimit(parallel)
	for n, a := range artifacts {
		puts.Go(func() error {
			m, entry, err := manifestOf(a, target)
			if err != nil {
				return err
			}
			attached[n], entries[n] = subject.Repository.Pin(m.Digest), entry
			return s.put(putCtx, string(m.Digest), types.MediaType(m.MediaType), m.Raw)
		})
	}
	if err := puts.Wait(); err != nil {
		return nil, err
	}
	return attached, c.list(ctx, s, subject, entries)
}

// list sees to it that the registry lists the entries as referrers of subject.
func (c *Client) list(ctx context.Context, s *session, subject image.Pinned, entries []v1.Descriptor) error {
	api := true
	// To list them is the registry's part, where it has the API; it may take a moment.
	listed, err := c.poll(ctx, func() (bool, error) {
		var listed []v1.Descriptor
		var err error
		if listed, api, err = s.askReferrers(ctx, subject.Digest); err != nil || !api {
			return !api, err
		}
		missing := slices.ContainsFunc(entries, func(e v1.Descriptor) bool {
			return !slices.ContainsFunc(listed, func(d v1.Descriptor) bool { return d.Digest == e.Digest })
		})
		return !missing, nil
	})
	switch {
	case err != nil:
		return err
	case !api:
		return c.amend(ctx, s, fallbackTag(subject.Digest), func(old Manifest) (*Manifest, error) { return listIn(old, entries) })
	case !listed:
		return hint.Wrap(errors.New("the registry took what was pushed, but does not list it as a referrer, so nobody would find it"),
			"the registry's Referrers API is at fault: run again later, or use another registry")
	}
	return nil
}

// listIn returns the fallback index old with the entries, or nil where it has
// them. What it says wrong of one, as some writers do of the artifact type, hides
// the referrer from those who look for the type, and is put right.
func listIn(old Manifest, entries []v1.Descriptor) (*Manifest, error) {
	if old.Raw == nil {
		old = NewManifest(string(types.OCIImageIndex), fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, types.OCIImageIndex))
	}
	index, err := parseIndex(old.Raw)
	if err == nil {
		err = exact(old.Raw, "manifests", "schemaVersion", "mediaType")
	}
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(entries), func(e v1.Descriptor) bool {
		return slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == e.Digest && d.ArtifactType == e.ArtifactType })
	})
	if len(missing) == 0 {
		return nil, nil //nolint:nilnil // nothing to change, as amend's edit says it
	}
	old.MediaType = string(types.OCIImageIndex) // whatever the registry called it
	var listed []any
	for n, item := range items(old.Raw, "manifests") {
		if !slices.ContainsFunc(missing, func(e v1.Descriptor) bool { return e.Digest == index.Manifests[n].Digest }) {
			listed = append(listed, item)
		}
	}
	for _, e := range missing {
		listed = append(listed, e)
	}
	return old.with(map[string]any{"manifests": listed})
}

// manifestOf returns the artifact's manifest, and what a listing says of it.
// Nothing in it depends on the time.
func manifestOf(a Artifact, subject v1.Descriptor) (Manifest, v1.Descriptor, error) {
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: a.ArtifactType,
		Config:  describe("application/vnd.oci.empty.v1+json", emptyConfig),
		Layers:  []v1.Descriptor{describe(types.MediaType(a.MediaType), a.Content)},
		Subject: &subject, Annotations: a.Annotations,
	})
	if err != nil {
		return Manifest{}, v1.Descriptor{}, err
	}
	entry := describe(types.OCIManifestSchema1, raw)
	entry.ArtifactType, entry.Annotations = a.ArtifactType, a.Annotations
	return NewManifest(string(types.OCIManifestSchema1), raw), entry, nil
}
