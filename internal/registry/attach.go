package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// emptyConfig stands for no config.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor
var emptyConfig = static.NewLayer([]byte("{}"), "application/vnd.oci.empty.v1+json")

// Attach pushes the artifact as a referrer of subject and returns it. The same
// artifact has the same digest each time, so that attaching it again changes
// nothing. It returns only when the registry lists the referrer.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
func (c *Client) Attach(ctx context.Context, subject image.Pinned, a Artifact) (image.Pinned, error) {
	digest, err := c.attach(ctx, subject, a)
	if err != nil {
		return image.Pinned{}, c.failWrite("attach "+a.ArtifactType+" to", subject.Repository, subject, err)
	}
	return subject.Repository.Pin(digest), nil
}

func (c *Client) attach(ctx context.Context, subject image.Pinned, a Artifact) (image.Digest, error) {
	if len(a.Content) > maxContent {
		return "", fmt.Errorf("its content of %d bytes is larger than %d MiB", len(a.Content), maxContent>>20)
	}
	s, err := c.session(ctx, subject.Repository, transport.PushScope)
	if err != nil {
		return "", err
	}
	target, err := s.head(ctx, subject.Ref())
	if err != nil {
		return "", err
	}
	content := static.NewLayer(a.Content, types.MediaType(a.MediaType))
	raw, self, err := manifestOf(a, content, target)
	if err != nil {
		return "", err
	}
	uploads, uploadCtx := errgroup.WithContext(ctx)
	for _, blob := range []v1.Layer{emptyConfig, content} {
		uploads.Go(func() error { return s.pusher.Upload(uploadCtx, s.repo, blob) }) // unless it is there
	}
	if err := uploads.Wait(); err != nil {
		return "", err
	}
	if err := s.put(ctx, self.Digest.String(), self.MediaType, raw); err != nil {
		return "", err
	}
	return image.Digest(self.Digest.String()), c.list(ctx, s, subject, self)
}

// list sees to it that the registry lists self as a referrer of subject.
//
// The fallback tag is read, changed and written, and registries have no way to
// do that safely: writers of one subject take turns here, and what another
// process overwrote is added again.
func (c *Client) list(ctx context.Context, s *session, subject image.Pinned, self v1.Descriptor) error {
	unlock, err := c.locks.lock(ctx, "referrers "+subject.String())
	if err != nil {
		return err
	}
	defer unlock()
	look := func() (bool, error) {
		listed, api, err := s.listReferrers(ctx, subject.Digest)
		if err != nil || has(listed, self.Digest) {
			return err == nil, err
		}
		if api {
			// To list it is the registry's part; it may take a moment.
			return false, nil
		}
		if err := s.putFallback(ctx, subject.Digest, append(listed, self)); err != nil {
			return false, err
		}
		listed, err = s.listFallback(ctx, subject.Digest)
		return err == nil && has(listed, self.Digest), err
	}
	listed, err := c.poll(ctx, look)
	if err == nil && !listed {
		err = hint.Wrap(errors.New("the registry took it, but does not list it as a referrer, so nobody would find it"),
			"the registry's Referrers API is at fault: run again later, or use another registry")
	}
	return err
}

func (s *session) putFallback(ctx context.Context, subject image.Digest, manifests []v1.Descriptor) error {
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: manifests})
	if err != nil {
		return err
	}
	return s.put(ctx, fallbackTag(subject), types.OCIImageIndex, raw)
}

// manifestOf returns the artifact's manifest and its descriptor. Nothing in it
// depends on the time.
func manifestOf(a Artifact, content v1.Layer, subject v1.Descriptor) ([]byte, v1.Descriptor, error) {
	config, err := describeLayer(emptyConfig)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	layer, err := describeLayer(content)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: a.ArtifactType,
		Config: config, Layers: []v1.Descriptor{layer}, Subject: &subject, Annotations: a.Annotations,
	})
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	return raw, v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Size: size, Digest: digest,
		ArtifactType: a.ArtifactType, Annotations: a.Annotations,
	}, err
}

func describeLayer(l v1.Layer) (v1.Descriptor, error) {
	digest, err := l.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	size, err := l.Size()
	if err != nil {
		return v1.Descriptor{}, err
	}
	t, err := l.MediaType()
	return v1.Descriptor{MediaType: t, Size: size, Digest: digest}, err
}
