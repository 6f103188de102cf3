// Package image is the vocabulary of container images: repositories,
// references, digests and platforms as values that parse themselves. It does
// no I/O.
//
// Grammar: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
package image

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/release-actions/internal/hint"
)

// DockerHub is the host that stands for Docker Hub in names, whichever of its
// spellings was written.
const DockerHub = "docker.io"

// CanonicalHost returns the one spelling of a registry host: Docker Hub's
// several names become docker.io, and a scheme and path are cut off.
func CanonicalHost(host string) string {
	host = strings.ToLower(strings.TrimSpace(host))
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	switch host {
	case "", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com":
		return DockerHub
	}
	return host
}

// Repository names a place in a registry, without tag or digest:
// "ghcr.io/org/app". Its zero value names nothing.
type Repository struct {
	host string
	path string
}

// ParseRepository parses s as "[host/]path". Without a host it is a
// repository of Docker Hub, as docker and every runtime read it.
func ParseRepository(s string) (Repository, error) {
	if s == "" {
		return Repository{}, errors.New("image name is empty")
	}
	if strings.Contains(s, "://") {
		_, rest, _ := strings.Cut(s, "://")
		return Repository{}, hint.Wrap(fmt.Errorf("image name %q has a scheme", s), "write %q", rest)
	}
	parsed, err := name.NewRepository(s)
	if err != nil || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//") {
		if lower := strings.ToLower(s); lower != s {
			return Repository{}, hint.Wrap(fmt.Errorf("image name %q has upper-case letters, which registries refuse", s), "write %q", lower)
		}
		return Repository{}, fmt.Errorf("image name %q is not host/path in lower-case letters, digits and . _ - /", s)
	}
	return Repository{host: CanonicalHost(parsed.RegistryStr()), path: parsed.RepositoryStr()}, nil
}

// Host returns the registry's host, with its port if there is one. Docker Hub
// is always "docker.io".
func (r Repository) Host() string { return r.host }

// Path returns the name inside the registry: "library/alpine".
func (r Repository) Path() string { return r.path }

// IsZero reports whether r names nothing.
func (r Repository) IsZero() bool { return r.path == "" }

// String returns "host/path".
func (r Repository) String() string {
	if r.IsZero() {
		return ""
	}
	return r.host + "/" + r.path
}

// Pin returns the reference to the manifest with digest d in r.
func (r Repository) Pin(d Digest) Pinned { return Pinned{Repository: r, Digest: d} }

// Tag returns the reference to tag in r.
func (r Repository) Tag(tag string) Ref { return Ref{Repository: r, Tag: tag} }

// MarshalText returns String.
func (r Repository) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRepository.
func (r *Repository) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRepository(string(text))
	return err
}

var tagGrammar = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// ValidTag reports whether tag follows the grammar of the distribution
// specification: up to 128 letters, digits, '_', '.' and '-', the first
// neither '.' nor '-'.
func ValidTag(tag string) bool { return tagGrammar.MatchString(tag) }

// Ref is a reference as written: a repository with a tag, a digest, or both.
type Ref struct {
	Repository Repository
	Tag        string
	Digest     Digest
}

// ParseRef parses what names an image as seen from the repository: one of its
// tags, one of its digests, or a whole reference. The zero Repository has
// neither tags nor digests.
func (r Repository) ParseRef(s string) (Ref, error) {
	whole := strings.ContainsAny(s, "/@")
	switch {
	case !whole && r.IsZero():
		return Ref{}, hint.Wrap(fmt.Errorf("%q has no repository, and neither has the image", s), "write it as in \"ghcr.io/acme/app:1.2.3\"")
	case whole:
	case strings.HasPrefix(s, "sha256:"):
		s = r.String() + "@" + s
	default:
		s = r.String() + ":" + s
	}
	return ParseRef(s)
}

// ParseRef parses "repository[:tag][@digest]". Without either the tag is
// "latest".
func ParseRef(s string) (Ref, error) {
	var ref Ref
	rest, digest, pinned := strings.Cut(s, "@")
	if pinned {
		d, err := ParseDigest(digest)
		if err != nil {
			return Ref{}, fmt.Errorf("image reference %q: %w", s, err)
		}
		ref.Digest = d
	}
	// A colon before the last slash belongs to the host's port.
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		ref.Tag = rest[i+1:]
		rest = rest[:i]
		if !ValidTag(ref.Tag) {
			return Ref{}, fmt.Errorf("image reference %q: tag %q is not up to 128 letters, digits, '_', '.' and '-', the first neither '.' nor '-'", s, ref.Tag)
		}
	}
	if ref.Tag == "" && !pinned {
		ref.Tag = "latest"
	}
	var err error
	ref.Repository, err = ParseRepository(rest)
	return ref, err
}

// String returns "repository[:tag][@digest]".
func (r Ref) String() string {
	s := r.Repository.String()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + string(r.Digest)
	}
	return s
}

// MarshalText returns String.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRef.
func (r *Ref) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRef(string(text))
	return err
}

// Pinned names one manifest for ever: "repository@sha256:…". It is all that
// steps after the build accept.
type Pinned struct {
	Repository Repository
	Digest     Digest
}

// ParsePinned parses "repository@digest". A tag between the two is refused,
// since nothing would check it.
func ParsePinned(s string) (Pinned, error) {
	ref, err := ParseRef(s)
	if err != nil {
		return Pinned{}, err
	}
	if ref.Digest == "" {
		return Pinned{}, hint.Wrap(fmt.Errorf("image %q has no digest", s),
			"write repository@sha256:…, as the build-push output \"images\" has it")
	}
	if ref.Tag != "" {
		return Pinned{}, hint.Wrap(fmt.Errorf("image %q has a tag beside the digest", s), "write %q", ref.Repository.Pin(ref.Digest))
	}
	return ref.Repository.Pin(ref.Digest), nil
}

// SameDigest checks that images are one image, under the names that it has in
// several registries.
func SameDigest(images []Pinned) error {
	for _, p := range images {
		if p.Digest != images[0].Digest {
			return hint.Wrap(fmt.Errorf("images %q and %q have different digests", images[0], p),
				"give one image in several registries, as the build-push output \"images\" has it")
		}
	}
	return nil
}

// Repositories returns where images are, each repository once.
func Repositories(images []Pinned) []Repository {
	var repos []Repository
	for _, p := range images {
		if !slices.Contains(repos, p.Repository) {
			repos = append(repos, p.Repository)
		}
	}
	return repos
}

// Ref returns p as a Ref.
func (p Pinned) Ref() Ref { return Ref{Repository: p.Repository, Digest: p.Digest} }

// String returns "repository@digest", or the digest alone where there is no
// repository.
func (p Pinned) String() string {
	if p.Repository.IsZero() {
		return string(p.Digest)
	}
	return p.Repository.String() + "@" + string(p.Digest)
}

// MarshalText returns String.
func (p Pinned) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePinned.
func (p *Pinned) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePinned(string(text))
	return err
}

// Digest is "sha256:" and 64 lower-case hexadecimal digits. Its zero value is
// no digest.
type Digest string

var digestGrammar = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ParseDigest checks that s is a SHA-256 digest, the only algorithm that
// registries agree on.
func ParseDigest(s string) (Digest, error) {
	if !digestGrammar.MatchString(s) {
		return "", fmt.Errorf("digest %q is not sha256: and 64 hexadecimal digits", s)
	}
	return Digest(s), nil
}

// Hex returns the hexadecimal part.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// UnmarshalText is ParseDigest.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDigest(string(text))
	return err
}
