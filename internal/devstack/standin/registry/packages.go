package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// The limits of GitHub Packages.
// https://docs.github.com/packages/learn-github-packages/deleting-and-restoring-a-package
const (
	maxDownloads = 5000
	restorable   = 30 * 24 * time.Hour
)

// Why a version can't be deleted, or restored.
var (
	ErrNoVersion     = errors.New("there is no such version")
	ErrLastTagged    = errors.New("You cannot delete the last tagged version of a package. You must delete the package instead.")                                      //nolint:staticcheck // as GitHub says it
	ErrManyDownloads = errors.New("Publicly visible package versions with more than 5000 downloads cannot be deleted. Contact GitHub support for further assistance.") //nolint:staticcheck // as GitHub says it
)

// Version is a manifest or an index, as GitHub Packages lists it.
type Version struct {
	ID               int64
	Digest           string
	Tags             []string
	Created, Updated time.Time
	Deleted          time.Time // zero unless it was deleted
	Downloads        int

	mediaType string // of raw, which is what was deleted
	raw       []byte
}

// Packages are what ghcr.io knows of what passed through it, beside the plain
// registry behind it, which has the content. It is safe for concurrent use.
type Packages struct {
	backend *url.URL
	now     func() time.Time

	mu     sync.Mutex
	nextID int64
	byName map[string]*pack
}

// pack is one package.
type pack struct {
	created, updated time.Time
	versions         []*Version // oldest first
	byDigest         map[string]*Version
}

func newPackages(backend *url.URL, now func() time.Time) *Packages {
	return &Packages{backend: backend, now: now, byName: map[string]*pack{}}
}

// Names returns the names of an owner's packages, without the owner, in order.
func (p *Packages) Names(owner string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name := range p.byName {
		if rest, ok := strings.CutPrefix(name, strings.ToLower(owner)+"/"); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// Times returns when a package was made and last changed; ok is false where
// there is none of that name, "owner/name".
func (p *Packages) Times(name string) (created, updated time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pack := p.byName[name]
	if pack == nil {
		return created, updated, false
	}
	return pack.created, pack.updated, true
}

// Count returns how many versions of a package were deleted, or were not.
func (p *Packages) Count(name string, deleted bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	if pkg := p.byName[name]; pkg != nil {
		for _, v := range pkg.versions {
			if v.Deleted.IsZero() != deleted {
				n++
			}
		}
	}
	return n
}

// Versions returns the versions of a package that were deleted, or those that
// were not, the newest first: those from one place up to another.
func (p *Packages) Versions(name string, deleted bool, from, to int) []Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []Version
	n := 0
	if pkg := p.byName[name]; pkg != nil {
		for _, v := range slices.Backward(pkg.versions) {
			if v.Deleted.IsZero() == deleted {
				continue
			}
			if n >= from && n < to {
				found = append(found, *v)
			}
			n++
		}
	}
	return found
}

// SetDownloads says how often a manifest was downloaded.
func (p *Packages) SetDownloads(name, digest string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byName[name].byDigest[digest].Downloads = n
}

// pushed notes that a manifest was pushed under a reference.
func (p *Packages) pushed(name, reference, digest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	pkg := p.byName[name]
	if pkg == nil {
		pkg = &pack{created: now, byDigest: map[string]*Version{}}
		p.byName[name] = pkg
	}
	pkg.updated = now
	v := pkg.byDigest[digest]
	if v == nil || !v.Deleted.IsZero() { // what was deleted, and is pushed again, is a new version
		p.nextID++
		v = &Version{ID: p.nextID, Digest: digest, Created: now}
		pkg.versions, pkg.byDigest[digest] = append(pkg.versions, v), v
	}
	v.Updated = now
	if !strings.Contains(reference, ":") {
		pkg.tag(v, reference)
	}
}

// tag moves a tag to a version.
func (pkg *pack) tag(v *Version, tag string) {
	for _, other := range pkg.versions {
		if other.Deleted.IsZero() {
			other.Tags = slices.DeleteFunc(slices.Clone(other.Tags), func(t string) bool { return t == tag })
		}
	}
	v.Tags = append(v.Tags, tag)
}

// downloaded counts a download.
func (p *Packages) downloaded(name, digest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pkg := p.byName[name]; pkg != nil && pkg.byDigest[digest] != nil {
		pkg.byDigest[digest].Downloads++
	}
}

func (p *Packages) find(name string, id int64, deleted bool) (*pack, *Version) {
	pkg := p.byName[name]
	if pkg == nil {
		return nil, nil
	}
	// They are in the order of their IDs.
	n, found := slices.BinarySearchFunc(pkg.versions, id, func(v *Version, id int64) int { return cmp.Compare(v.ID, id) })
	if !found || pkg.versions[n].Deleted.IsZero() == deleted {
		return nil, nil
	}
	return pkg, pkg.versions[n]
}

// Version returns a version that was not deleted.
func (p *Packages) Version(name string, id int64) (Version, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, v := p.find(name, id, false); v != nil {
		return *v, true
	}
	return Version{}, false
}

// Delete removes a version and all its tags.
func (p *Packages) Delete(ctx context.Context, name string, id int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	pkg, v := p.find(name, id, false)
	switch {
	case v == nil:
		return ErrNoVersion
	case v.Downloads > maxDownloads:
		return ErrManyDownloads
	case len(v.Tags) > 0 && !slices.ContainsFunc(pkg.versions, func(o *Version) bool { return o != v && o.Deleted.IsZero() && len(o.Tags) > 0 }):
		return ErrLastTagged
	}
	status, mediaType, raw, err := p.ask(ctx, http.MethodGet, name, v.Digest, "", nil)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("the registry answered %d: %w", status, err)
	}
	// Some plain registries remove the tags by themselves, others one by one.
	for _, reference := range append([]string{v.Digest}, v.Tags...) {
		if _, _, _, err := p.ask(ctx, http.MethodDelete, name, reference, "", nil); err != nil {
			return err
		}
	}
	v.Deleted, v.mediaType, v.raw = p.now(), mediaType, raw
	pkg.updated = v.Deleted
	return nil
}

// Restore brings back a version that was deleted, with those of its tags that
// nothing else has.
func (p *Packages) Restore(ctx context.Context, name string, id int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	pkg, v := p.find(name, id, true)
	if v == nil || p.now().Sub(v.Deleted) > restorable || pkg.byDigest[v.Digest] != v {
		return ErrNoVersion
	}
	taken := map[string]bool{}
	for _, other := range pkg.versions {
		for _, tag := range other.Tags {
			taken[tag] = taken[tag] || other.Deleted.IsZero()
		}
	}
	v.Tags = slices.DeleteFunc(v.Tags, func(tag string) bool { return taken[tag] })
	for _, reference := range append([]string{v.Digest}, v.Tags...) {
		status, _, answer, err := p.ask(ctx, http.MethodPut, name, reference, v.mediaType, v.raw)
		if err != nil || status != http.StatusCreated {
			return fmt.Errorf("the registry answered %d %s: %w", status, answer, err)
		}
	}
	v.Deleted, v.Updated = time.Time{}, p.now()
	pkg.updated = v.Updated
	return nil
}

// ask sends a request about a manifest to the plain registry.
func (p *Packages) ask(ctx context.Context, method, name, reference, mediaType string, body []byte) (status int, gotType string, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, p.backend.JoinPath("v2", name, "manifests", reference).String(), bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	req.Header.Set("Accept", "*/*")
	for _, t := range []string{
		"application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
	} {
		req.Header.Add("Accept", t)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = resp.Body.Close() }() // all of it is read below
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, err
}
