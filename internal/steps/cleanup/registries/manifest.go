package registries

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

const (
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
)

func isIndex(mediaType string) bool { return mediaType == ociIndex || mediaType == dockerIndex }

// manifest is what retention needs to know of a manifest or an index.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`

	size int64
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       image.Digest      `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	Platform     *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

func parse(raw []byte) (manifest, error) {
	m := manifest{size: int64(len(raw))}
	if err := json.Unmarshal(raw, &m); err != nil || m.SchemaVersion != 2 {
		return manifest{}, errors.New("it is no manifest of an image or an index")
	}
	if m.MediaType == "" { // which OCI leaves free
		m.MediaType = ociManifest
		if m.Manifests != nil {
			m.MediaType = ociIndex
		}
	}
	if m.ArtifactType == "" && m.Config != nil && !strings.Contains(m.Config.MediaType, "image") {
		m.ArtifactType = m.Config.MediaType
	}
	return m, nil
}

// describe writes into v what its own manifest tells.
func (m manifest) describe(v *retention.Version) {
	v.MediaType, v.ArtifactType, v.Size = m.MediaType, m.ArtifactType, m.size
	if m.Subject != nil {
		v.Subject = m.Subject.Digest
	}
	if m.Config != nil {
		v.Blobs = append(v.Blobs, retention.Blob{Digest: m.Config.Digest, Size: m.Config.Size})
	}
	for _, l := range m.Layers {
		v.Blobs = append(v.Blobs, retention.Blob{Digest: l.Digest, Size: l.Size})
	}
	for _, d := range m.Manifests {
		v.Children = append(v.Children, d.child())
	}
}

func (d descriptor) child() retention.Child {
	c := retention.Child{Digest: d.Digest}
	if d.Annotations["vnd.docker.reference.type"] != "" {
		c.Attests = image.Digest(d.Annotations["vnd.docker.reference.digest"])
	} else if p := d.Platform; p != nil {
		c.Platform = strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
	}
	return c
}

// describe writes into v what an index tells of it.
func (d descriptor) describe(v *retention.Version) {
	if v.MediaType == "" || v.Size == 0 {
		v.MediaType, v.Size = d.MediaType, d.Size
	}
	if v.ArtifactType == "" {
		v.ArtifactType = d.ArtifactType
	}
}

// refersTo reports whether the manifest, under one of these tags, needs or
// belongs to the version with digest d.
func (m manifest) refersTo(d image.Digest, tags []string) bool {
	if m.Subject != nil && m.Subject.Digest == d {
		return true
	}
	for _, child := range m.Manifests {
		if child.Digest == d {
			return true
		}
	}
	for _, tag := range tags {
		if belongsTo(tag, d) {
			return true
		}
	}
	return false
}

// belongsTo reports whether a tag holds what belongs to d: its referrers, or
// what cosign kept in tags.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
func belongsTo(tag string, d image.Digest) bool {
	rest, ok := strings.CutPrefix(tag, "sha256-"+d.Hex())
	return ok && (rest == "" || rest[0] == '.')
}

// made is when an image says that it was made, or zero. Builds that can be
// repeated say 1970.
func made(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() <= 1980 {
		return time.Time{}
	}
	return t
}
