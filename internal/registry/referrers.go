package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
)

const (
	// maxContent bounds the content of an artifact, in bytes.
	maxContent = 64 << 20
	// maxPages bounds a listing of referrers.
	maxPages = 100
	// parallel bounds the requests at once of one listing.
	parallel = 8
)

// Descriptor is a referrer, as its own manifest tells: what an index says
// about it may be wrong.
type Descriptor struct {
	Digest       image.Digest
	ArtifactType string
	MediaType    string // of the manifest
	Annotations  map[string]string
	Subject      image.Digest // what it refers to
	Size         int64        // of the manifest, in bytes
	// Mislisted says that the fallback tag has another artifact type for it, so
	// that who looks for the type misses it. Attach puts it right.
	Mislisted bool
}

// Artifact is what a referrer carries: content of one media type.
type Artifact struct {
	ArtifactType string
	Annotations  map[string]string
	MediaType    string // of Content
	Content      []byte
}

// Listing is what a registry names as referrers of a manifest.
type Listing struct {
	Referrers []Descriptor
	Foreign   []Descriptor // that refer to something else, by their own manifests
	Entries   int          // that it names, of any type, be they there or not
}

// Referrers returns the artifacts that have p as their subject, those of one
// artifact type or, where it is "", all. It asks the Referrers API, and where
// there is none the fallback tag.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
func (c *Client) Referrers(ctx context.Context, p image.Pinned, artifactType string) ([]Descriptor, error) {
	listing, err := c.Listing(ctx, p, artifactType)
	return listing.Referrers, err
}

// Listing is Referrers for whoever wants to know what the registry says beside.
func (c *Client) Listing(ctx context.Context, p image.Pinned, artifactType string) (Listing, error) {
	found, err := c.listing(ctx, p, artifactType)
	return found, c.failRead("list the referrers of", p.Repository, p, err)
}

func (c *Client) listing(ctx context.Context, p image.Pinned, artifactType string) (Listing, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return Listing{}, err
	}
	listed, api, err := s.listReferrers(ctx, p.Digest)
	if err != nil {
		return Listing{}, err
	}
	read := make([]*Descriptor, len(listed))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, d := range listed {
		group.Go(func() error {
			referrer := p.Repository.Pin(image.Digest(d.Digest.String()))
			m, err := s.manifest(ctx, referrer)
			if kindOf(err) == ErrNotFound { //nolint:errorlint // kindOf returns the sentinel itself
				c.log.Debug("listed as a referrer, but gone", "referrer", referrer.String())
				return nil
			}
			if err != nil {
				return err
			}
			parsed, err := parseReferrer(m)
			if err != nil {
				return fmt.Errorf("referrer %s: %w", referrer.Digest, err)
			}
			if parsed.subject() == p.Digest {
				s.referrers.Store(m.Digest, m)
			}
			read[i] = &Descriptor{
				Digest: m.Digest, ArtifactType: parsed.artifactType(), MediaType: m.MediaType, Annotations: parsed.Annotations,
				Subject: parsed.subject(), Size: int64(len(m.Raw)), Mislisted: !api && d.ArtifactType != parsed.artifactType(),
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Listing{}, err
	}
	found := Listing{Entries: len(listed)}
	for _, d := range read {
		switch {
		case d == nil || artifactType != "" && d.ArtifactType != artifactType:
		case d.Subject == p.Digest:
			found.Referrers = append(found.Referrers, *d)
		default:
			found.Foreign = append(found.Foreign, *d)
		}
	}
	return found, nil
}

// referrer is a manifest or an index that may have a subject.
type referrer struct {
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	Config       v1.Descriptor     `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Subject      *v1.Descriptor    `json:"subject"`
}

func parseReferrer(m Manifest) (referrer, error) {
	var r referrer
	if err := json.Unmarshal(m.Raw, &r); err != nil {
		return referrer{}, errors.New("its manifest is not valid")
	}
	return r, nil
}

// subject returns what it refers to, "" where to nothing.
func (r referrer) subject() image.Digest {
	if r.Subject == nil {
		return ""
	}
	return image.Digest(r.Subject.Digest.String())
}

// artifactType follows the specification: the config's type where there is no other.
func (r referrer) artifactType() string {
	if r.ArtifactType != "" {
		return r.ArtifactType
	}
	return string(r.Config.MediaType)
}

// Artifact reads a referrer: its manifest and the content of its first layer,
// up to 64 MiB, both checked against their digests.
func (c *Client) Artifact(ctx context.Context, p image.Pinned) (Artifact, error) {
	a, err := c.artifact(ctx, p)
	return a, c.failRead("read the artifact", p.Repository, p, err)
}

func (c *Client) artifact(ctx context.Context, p image.Pinned) (Artifact, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return Artifact{}, err
	}
	m, err := s.listedManifest(ctx, p)
	if err != nil {
		return Artifact{}, err
	}
	r, err := parseReferrer(m)
	if err != nil {
		return Artifact{}, err
	}
	if len(r.Layers) == 0 {
		return Artifact{}, errors.New("it has no layer")
	}
	content, err := s.content(ctx, r.Layers[0])
	if err != nil {
		return Artifact{}, err
	}
	return Artifact{
		ArtifactType: r.artifactType(), Annotations: r.Annotations,
		MediaType: string(r.Layers[0].MediaType), Content: content,
	}, nil
}

// listedManifest returns a manifest that was read to list it, or reads it.
func (s *session) listedManifest(ctx context.Context, p image.Pinned) (Manifest, error) {
	if m, ok := s.referrers.LoadAndDelete(p.Digest); ok {
		return m.(Manifest), nil
	}
	return s.manifest(ctx, p)
}

func (s *session) content(ctx context.Context, d v1.Descriptor) (content []byte, err error) {
	if d.Size > maxContent {
		return nil, fmt.Errorf("its content of %d bytes is larger than %d MiB", d.Size, maxContent>>20)
	}
	layer, err := s.puller.Layer(ctx, s.repo.Digest(d.Digest.String()))
	if err != nil {
		return nil, err
	}
	blob, err := layer.Compressed() // the bytes as they are, checked against the digest
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	// One byte more than allowed, so that the end is reached, where the digest is checked.
	content, err = io.ReadAll(io.LimitReader(blob, d.Size+1))
	if err == nil && int64(len(content)) != d.Size {
		err = fmt.Errorf("its content has not the %d bytes that the manifest says", d.Size)
	}
	return content, err
}

// listReferrers returns what the registry lists as referrers of subject, and
// whether it has the Referrers API.
func (s *session) listReferrers(ctx context.Context, subject image.Digest) (listed []v1.Descriptor, api bool, err error) {
	if listed, api, err = s.askReferrers(ctx, subject); err == nil && !api {
		listed, err = s.listFallback(ctx, subject)
	}
	return listed, api, err
}

// askReferrers asks the Referrers API, once for all where there is none.
func (s *session) askReferrers(ctx context.Context, subject image.Digest) (listed []v1.Descriptor, api bool, err error) {
	if s.noReferrers.Load() {
		return nil, false, nil
	}
	next := s.url("referrers/" + string(subject))
	for range maxPages {
		page, err := s.do(ctx, http.MethodGet, next, acceptIndex, nil, http.StatusOK,
			// What registries without this endpoint answer.
			http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented)
		if err != nil {
			return nil, false, err
		}
		if page.status != http.StatusOK || mediaType(types.MediaType(page.header.Get("Content-Type"))) != types.OCIImageIndex {
			// Some answer every path with a web page.
			s.noReferrers.Store(true)
			return nil, false, nil
		}
		index, err := parseIndex(page.body)
		if err != nil {
			return nil, true, err
		}
		listed = append(listed, index.Manifests...)
		if next = nextPage(page); next == nil {
			return listed, true, nil
		}
	}
	return nil, true, fmt.Errorf("the listing has more than %d pages", maxPages)
}

var (
	acceptIndex = map[string]string{"Accept": string(types.OCIImageIndex)}
	linkNext    = regexp.MustCompile(`<([^>]*)>\s*;[^,]*\brel="?next"?`)
)

// nextPage returns the URL of the listing's next page on the same host, or nil.
func nextPage(page answer) *url.URL {
	m := linkNext.FindStringSubmatch(page.header.Get("Link"))
	if m == nil {
		return nil
	}
	u, err := page.url.Parse(m[1])
	if err != nil || u.Host != page.url.Host {
		return nil
	}
	return u
}

// fallbackTag is the tag that lists the referrers of subject where the
// registry has no API for it.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
func fallbackTag(subject image.Digest) string { return "sha256-" + subject.Hex() }

func (s *session) listFallback(ctx context.Context, subject image.Digest) ([]v1.Descriptor, error) {
	m, err := s.tagged(ctx, fallbackTag(subject))
	if err != nil || m.Raw == nil {
		return nil, err
	}
	index, err := parseIndex(m.Raw)
	if err != nil {
		return nil, fmt.Errorf("tag %q: %w", fallbackTag(subject), err)
	}
	return index.Manifests, nil
}

func parseIndex(text []byte) (v1.IndexManifest, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(text, &index); err != nil || index.SchemaVersion != 2 || mediaType(index.MediaType) != types.OCIImageIndex {
		return v1.IndexManifest{}, errors.New("the listing is not a valid OCI index")
	}
	return index, nil
}
