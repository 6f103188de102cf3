package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
)

// maxLayers bounds the layers that are read of one manifest, as cosign bounds them.
const maxLayers = 1000

// Layer is content in an image manifest that keeps one piece of it in each layer.
type Layer struct {
	MediaType   string
	Annotations map[string]string // of the layer's descriptor
	Content     []byte
}

// Layers returns those layers of the manifest under the tag that want accepts by
// media type and annotations, in order; none where there is no such tag.
// Each has 64 MiB at most, and is checked against its digest.
func (c *Client) Layers(ctx context.Context, tag image.Ref, want func(mediaType string, annotations map[string]string) bool) ([]Layer, error) {
	layers, err := c.layers(ctx, tag, want)
	return layers, c.failRead("read the layers of", tag.Repository, tag, err)
}

func (c *Client) layers(ctx context.Context, tag image.Ref, want func(string, map[string]string) bool) ([]Layer, error) {
	s, err := c.session(ctx, tag.Repository, transport.PullScope)
	if err != nil {
		return nil, err
	}
	m, err := s.tagged(ctx, tag.Tag)
	if err != nil || m.Raw == nil {
		return nil, err
	}
	manifest, err := parseLayers(m)
	if err != nil {
		return nil, err
	}
	wanted := slices.DeleteFunc(manifest.Layers, func(d v1.Descriptor) bool { return !want(string(d.MediaType), d.Annotations) })
	layers := make([]Layer, len(wanted))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for n, d := range wanted {
		group.Go(func() error {
			content, err := s.content(ctx, d)
			layers[n] = Layer{MediaType: string(d.MediaType), Annotations: d.Annotations, Content: content}
			return err
		})
	}
	return layers, group.Wait()
}

// AppendLayers adds the layers to the manifest under the tag, behind those that
// are there, which stay as they are. It leaves out what is there, and makes a new
// manifest where there is none. It returns only when the tag shows them.
func (c *Client) AppendLayers(ctx context.Context, tag image.Ref, layers ...Layer) error {
	return c.failWrite("add layers to", tag.Repository, tag, c.appendLayers(ctx, tag, layers))
}

func (c *Client) appendLayers(ctx context.Context, tag image.Ref, layers []Layer) error {
	s, err := c.session(ctx, tag.Repository, transport.PushScope)
	if err != nil {
		return err
	}
	// Before the tag is read, so that it is read and written at one go: where
	// nobody else has layers there, the config is known, too.
	uploads, uploadCtx := errgroup.WithContext(ctx)
	uploads.SetLimit(parallel)
	uploads.Go(func() error { return s.uploadMissing(uploadCtx, configOf(lacking(nil, layers))) })
	for _, l := range layers {
		uploads.Go(func() error { return s.uploadOnce(uploadCtx, l.Content) })
	}
	if err := uploads.Wait(); err != nil {
		return err
	}
	return c.amend(ctx, s, tag.Tag, func(old Manifest) (*Manifest, error) {
		next, config, err := layersIn(old, layers)
		if err == nil && next != nil {
			err = s.uploadMissing(ctx, config)
		}
		return next, err
	})
}

// layersIn returns the manifest old with the layers and its new config, or nil
// where it has them.
func layersIn(old Manifest, layers []Layer) (next *Manifest, config []byte, err error) {
	if old.Raw == nil {
		old = NewManifest(string(types.OCIManifestSchema1), fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q}`, types.OCIManifestSchema1))
	}
	manifest, err := parseLayers(old)
	if err != nil {
		return nil, nil, err
	}
	missing := lacking(manifest.Layers, layers)
	if len(missing) == 0 {
		return nil, nil, nil
	}
	kept := items(old.Raw, "layers")
	for _, d := range missing {
		kept = append(kept, d)
	}
	config = configOf(append(manifest.Layers, missing...))
	next, err = old.with(map[string]any{
		"layers": kept, "config": describe(cmp.Or(manifest.Config.MediaType, types.OCIConfigJSON), config),
	})
	return next, config, err
}

func parseLayers(m Manifest) (v1.Manifest, error) {
	var manifest v1.Manifest
	if !types.MediaType(m.MediaType).IsImage() {
		return v1.Manifest{}, fmt.Errorf("it is of type %s, not an image manifest", m.MediaType)
	}
	if err := json.Unmarshal(m.Raw, &manifest); err != nil {
		return v1.Manifest{}, errors.New("it is not a valid image manifest")
	}
	if err := exact(m.Raw, "layers", "config", "schemaVersion", "mediaType"); err != nil {
		return v1.Manifest{}, err
	}
	if len(manifest.Layers) > maxLayers {
		return v1.Manifest{}, fmt.Errorf("it has %d layers, more than %d", len(manifest.Layers), maxLayers)
	}
	return manifest, nil
}

// lacking returns the descriptors of those layers that are not among there.
func lacking(there []v1.Descriptor, layers []Layer) []v1.Descriptor {
	var missing []v1.Descriptor
	for _, l := range layers {
		d := describe(types.MediaType(l.MediaType), l.Content)
		d.Annotations = l.Annotations
		if !slices.ContainsFunc(there, func(e v1.Descriptor) bool { return e.Digest == d.Digest && maps.Equal(e.Annotations, d.Annotations) }) {
			missing = append(missing, d)
		}
	}
	return missing
}

// configOf returns the config that fits the layers, none of which is compressed.
// It holds nothing else, as those that cosign writes: cosign copies the layers by
// the hashes in it when it adds one.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
func configOf(layers []v1.Descriptor) []byte {
	config := v1.ConfigFile{RootFS: v1.RootFS{Type: "layers"}}
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
		config.History = append(config.History, v1.History{})
	}
	text, err := json.Marshal(config)
	if err != nil {
		panic(err) // a struct of strings
	}
	return text
}
