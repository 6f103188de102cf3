// Package retention decides which versions of an image a registry keeps. From
// an inventory and a policy it makes a plan: what stays, what goes, in which
// order, and why. A version that stays keeps all that it needs: the manifests of
// its platforms, its signatures and its attestations. It does no I/O.
package retention

import (
	"time"

	"github.com/org/release-actions/internal/image"
)

// Inventory is what a registry holds of one repository. It is also a JSON
// document.
type Inventory struct {
	Repository image.Repository `json:"repository"`
	// Complete says that all versions are listed, those without a tag and those
	// that no other one names, too. Where it is false, a digest that is not listed
	// may exist all the same, unless it is in Missing.
	Complete bool `json:"complete"`
	// TagsOnly says that the registry removes tags, and no version that has none.
	TagsOnly bool `json:"tagsOnly,omitempty"`
	// Missing lists digests that a version names, and that were looked for and are
	// not there. Where Complete is true it need not repeat what isn't listed.
	Missing []image.Digest `json:"missing,omitempty"`
	// Versions are in any order, each digest once.
	Versions []Version `json:"versions"`
}

// Version is one manifest in a repository: an image, an index or an artifact.
//
// Where an index tells the media type and size of a child that is an image, the
// child's own manifest need not have been read.
type Version struct {
	// ID is the registry's own name of the version, as GHCR's number. Only the
	// backend that listed it reads it.
	ID           string       `json:"id,omitempty"`
	Digest       image.Digest `json:"digest"`
	MediaType    string       `json:"mediaType,omitempty"`
	ArtifactType string       `json:"artifactType,omitempty"`
	// Size is the manifest's own, in bytes. Blobs are its configuration and layers,
	// as far as they are known.
	Size  int64  `json:"size,omitempty"`
	Blobs []Blob `json:"blobs,omitempty"`
	// Pushed is when the version, or the newest of its tags, was pushed, whichever
	// is later. Zero where it isn't known; such a version counts as new.
	Pushed time.Time `json:"pushed,omitzero"`
	Tags   []string  `json:"tags,omitempty"`
	// Downloads counts pulls. It is nil where the registry doesn't tell.
	Downloads *int64 `json:"downloads,omitempty"`
	// Children are the entries of an index.
	Children []Child `json:"children,omitempty"`
	// Subject is the version that this one refers to: what it signs or describes.
	Subject image.Digest `json:"subject,omitempty"`
	// Locked says why the registry won't delete the version: "it has more than
	// 5,000 downloads". It stays, with what it needs.
	Locked string `json:"locked,omitempty"`
	// Unreadable says why the manifest could not be read. Nobody knows what it
	// needs, so that it stays, and with it all that it might need.
	Unreadable string `json:"unreadable,omitempty"`
	// Gone says that the version is listed, but that the registry answers that there
	// is no such manifest. Nobody can pull it, so it needs nothing, and who needs it
	// is broken.
	Gone bool `json:"gone,omitempty"`
}

// Child is an entry of an index.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
type Child struct {
	Digest image.Digest `json:"digest"`
	// Platform is "os/arch[/variant]", as the index has it; it may be empty.
	Platform string `json:"platform,omitempty"`
	// Attests is the image that an attestation manifest of BuildKit is about: the
	// annotation vnd.docker.reference.digest of an entry that has
	// vnd.docker.reference.type.
	//
	// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
	Attests image.Digest `json:"attests,omitempty"`
}

// Blob is a configuration or a layer, which several versions may share. Size is
// in bytes.
type Blob struct {
	Digest image.Digest `json:"digest"`
	Size   int64        `json:"size"`
}
