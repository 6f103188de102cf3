package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// subjectAnnotation names, in an attestation manifest's descriptor, the image
// that it is about.
const subjectAnnotation = "vnd.docker.reference.digest"

// imageMend is the mend for a digest of something else.
const imageMend = "give the digest of an image, as build-push has it in the output \"digest\""

// Entry is the image for one platform, as an index names it.
type Entry struct {
	Platform   image.Platform
	Descriptor v1.Descriptor // with the platform
	// Attestations are the attestation manifests about the image in its index.
	Attestations []v1.Descriptor
	LayerSize    int64 // of all layers together, compressed, in bytes
}

// Entries returns the images in an index in its order, or the one image that p
// is, as an index would name it. It is an error where anything but images is
// there and BuildKit's attestations of them. All errors are returned.
func (c *Client) Entries(ctx context.Context, p image.Pinned) ([]Entry, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return nil, c.failRead("read", p.Repository, p, err)
	}
	m, err := s.manifest(ctx, p)
	if err != nil {
		return nil, c.failRead("read", p.Repository, p, err)
	}
	if !types.MediaType(m.MediaType).IsIndex() {
		entry := Entry{Descriptor: v1.Descriptor{MediaType: types.MediaType(m.MediaType), Size: int64(len(m.Raw))}}
		if entry.Descriptor.Digest, err = v1.NewHash(string(p.Digest)); err == nil {
			err = s.complete(ctx, &entry, m)
		}
		return []Entry{entry}, c.failRead("read", p.Repository, p, err)
	}
	entries, err := parseEntries(m.Raw)
	if err != nil {
		return nil, c.failRead("read the index", p.Repository, p, err)
	}
	errs := make([]error, len(entries))
	var group errgroup.Group
	group.SetLimit(parallel)
	for n := range entries {
		group.Go(func() error {
			child := p.Repository.Pin(image.Digest(entries[n].Descriptor.Digest.String()))
			m, err := s.manifest(ctx, child)
			if err == nil {
				err = s.complete(ctx, &entries[n], m)
			}
			errs[n] = c.failRead("read", p.Repository, child, err)
			return nil
		})
	}
	_ = group.Wait() // every error is in errs
	return entries, errors.Join(errs...)
}

// parseEntries reads the images of an index and the attestations of each.
func parseEntries(raw []byte) ([]Entry, error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	var entries []Entry
	attestations := map[string][]v1.Descriptor{}
	for _, d := range index.Manifests {
		if isAttestation(d) {
			subject := d.Annotations[subjectAnnotation]
			attestations[subject] = append(attestations[subject], d)
			continue
		}
		entry := Entry{Descriptor: d}
		if !d.MediaType.IsImage() {
			return nil, hint.New(fmt.Sprintf("%s in it is of type %q, not an image", d.Digest, d.MediaType), imageMend)
		}
		if d.Platform != nil {
			if entry.Platform, err = parsePlatform(d.Platform.OS, d.Platform.Architecture, d.Platform.Variant); err != nil {
				return nil, fmt.Errorf("%s in it: %w", d.Digest, err)
			}
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil, hint.New("it has no image", imageMend)
	}
	for n, entry := range entries {
		subject := entry.Descriptor.Digest.String()
		entries[n].Attestations = attestations[subject]
		delete(attestations, subject)
	}
	if left := slices.Sorted(maps.Keys(attestations)); len(left) > 0 {
		return nil, hint.New(fmt.Sprintf("the attestation manifest %s is about %q, which is not in it", attestations[left[0]][0].Digest, left[0]),
			"something has changed the index since it was built: give the digest that the build had")
	}
	return entries, nil
}

// complete adds to an entry what the image's own manifest tells and, where the
// index doesn't say the platform, its configuration.
func (s *session) complete(ctx context.Context, entry *Entry, m Manifest) error {
	if !types.MediaType(m.MediaType).IsImage() {
		return hint.New(fmt.Sprintf("it is of type %q, not an image", m.MediaType), imageMend)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return err
	}
	if !manifest.Config.MediaType.IsConfig() {
		return hint.New(fmt.Sprintf("it is an artifact of type %q, not an image", cmp.Or(manifest.ArtifactType, string(manifest.Config.MediaType))), imageMend)
	}
	for _, layer := range manifest.Layers {
		entry.LayerSize += layer.Size
	}
	if entry.Descriptor.Platform != nil {
		return nil
	}
	text, err := s.content(ctx, manifest.Config)
	if err != nil {
		return err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(text))
	switch {
	case err != nil:
		return fmt.Errorf("its configuration: %w", err)
	case config.OS == "unknown":
		return hint.New("it is an attestation manifest, not an image", imageMend)
	case config.OS == "" || config.Architecture == "":
		return hint.New("its configuration names no platform", imageMend)
	}
	if entry.Platform, err = parsePlatform(config.OS, config.Architecture, config.Variant); err != nil {
		return err
	}
	entry.Descriptor.Platform = &v1.Platform{
		OS: entry.Platform.OS, Architecture: entry.Platform.Arch, Variant: entry.Platform.Variant,
		OSVersion: config.OSVersion, OSFeatures: config.OSFeatures,
	}
	return nil
}
