// Package registries is how the cleanup step sees GHCR, Docker Hub and every
// other OCI registry: it takes stock of their repositories, and deletes from
// them. Each of the three has its own way to list what has no tag, and to delete;
// what the manifests say is read by the registry protocol, alike.
package registries

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/steps/cleanup"
)

// Options configure New.
type Options struct {
	Registry *registry.Client
	// GitHub has GHCR's packages; without it, GHCR's repositories are refused.
	GitHub *ghapi.Client
	// DockerHub is Docker Hub's own API; without it, its repositories are refused.
	DockerHub *dockerhub.Client
	// CacheDir is a folder that keeps manifests from one run to the next; none
	// where "".
	CacheDir string
	// Now is the clock; time.Now where nil.
	Now func() time.Time
	// Log gets what may interest somebody who looks for a fault; discarded where nil.
	Log *slog.Logger
}

// backend is one kind of registry.
type backend interface {
	repositories(ctx context.Context, host, pattern string) ([]string, error)
	list(ctx context.Context, r image.Repository) (retention.Inventory, error)
	recheck(ctx context.Context, r image.Repository, v retention.Version) (changed string, err error)
	remove(ctx context.Context, r image.Repository, v retention.Version) error
	restore(ctx context.Context, r image.Repository, v retention.Version) error
}

// Registries implements cleanup.Backend for all registries.
type Registries struct {
	read           *reader
	ghcr, hub, oci backend
}

var _ cleanup.Backend = (*Registries)(nil)

// New returns the registries; no request is made.
func New(o Options) *Registries {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	read := &reader{registry: o.Registry, cache: cache{o.CacheDir}, now: o.Now, log: o.Log}
	r := &Registries{read: read, oci: &oci{watch: newWatch(read)}}
	if o.GitHub != nil {
		r.ghcr = &ghcr{watch: newWatch(read), github: o.GitHub}
	}
	if o.DockerHub != nil {
		r.hub = &hub{watch: newWatch(read), api: o.DockerHub}
	}
	return r
}

// of returns the backend of a host.
func (r *Registries) of(host string) (backend, error) {
	b := r.oci
	switch host {
	case "ghcr.io":
		b = r.ghcr
	case image.DockerHub:
		b = r.hub
	}
	if b == nil {
		return nil, hint.New(fmt.Sprintf("nothing can be listed or deleted on %s without a login", host), "%s", map[string]string{
			"ghcr.io": `give the input "github-token"`, image.DockerHub: `give the inputs "dockerhub-username" and "dockerhub-token"`,
		}[host])
	}
	return b, nil
}

// Repositories implements cleanup.Backend.
func (r *Registries) Repositories(ctx context.Context, pattern string) ([]image.Repository, error) {
	if !strings.Contains(pattern, "*") {
		repo, err := image.ParseRepository(pattern)
		return []image.Repository{repo}, err
	}
	// A pattern is a repository in all but its stars.
	plain, err := image.ParseRepository(strings.ReplaceAll(pattern, "*", "x"))
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	names := strings.TrimPrefix(strings.TrimPrefix(pattern, plain.Host()+"/"), "index.docker.io/")
	b, err := r.of(plain.Host())
	if err != nil {
		return nil, err
	}
	all, err := b.repositories(ctx, plain.Host(), names)
	if err != nil {
		return nil, err
	}
	expression := glob(names)
	var found []image.Repository
	for _, name := range all {
		if expression.MatchString(name) {
			repo, err := image.ParseRepository(plain.Host() + "/" + name)
			if err != nil {
				return nil, err
			}
			found = append(found, repo)
		}
	}
	if len(found) == 0 {
		return nil, hint.New(fmt.Sprintf("%q names no repository of the %d that are there for this login", pattern, len(all)),
			"* stands for anything but a slash, ** for anything: %q", path.Dir(pattern)+"/**")
	}
	return found, nil
}

// owner returns the account whose repositories a pattern is about.
func owner(host, pattern string) (string, error) {
	owner, _, _ := strings.Cut(pattern, "/")
	if strings.Contains(owner, "*") {
		return "", hint.New(fmt.Sprintf("pattern %q names no account", host+"/"+pattern), "write it as in %q", host+"/acme/*")
	}
	return owner, nil
}

// glob returns the expression of a pattern with * and **.
func glob(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.ReplaceAll(text, `\*\*`, ".*")
	text = strings.ReplaceAll(text, `\*`, "[^/]*")
	return regexp.MustCompile("^" + text + "$")
}

// List implements cleanup.Backend.
func (r *Registries) List(ctx context.Context, repo image.Repository) (retention.Inventory, error) {
	b, err := r.of(repo.Host())
	if err != nil {
		return retention.Inventory{}, err
	}
	return b.list(ctx, repo)
}

// Blobs implements cleanup.Backend. Where a registry limits what is read, or is
// not reached, the rest is left out.
func (r *Registries) Blobs(ctx context.Context, repo image.Repository, versions []image.Digest) map[image.Digest][]retention.Blob {
	found := make([][]retention.Blob, len(versions))
	if err := each(versions, func(n int, d image.Digest) error {
		m, err := r.read.manifest(ctx, repo.Pin(d))
		if err != nil && fatal(ctx, err) {
			return err
		}
		var v retention.Version
		m.describe(&v)
		found[n] = v.Blobs
		return nil
	}); err != nil {
		r.read.log.Debug("not all sizes are known", "repository", repo.String(), "because", err)
	}
	blobs := make(map[image.Digest][]retention.Blob, len(versions))
	for n, d := range versions {
		if found[n] != nil {
			blobs[d] = found[n]
		}
	}
	return blobs
}

// Recheck implements cleanup.Backend.
func (r *Registries) Recheck(ctx context.Context, repo image.Repository, v retention.Version) (changed string, err error) {
	b, err := r.of(repo.Host())
	if err != nil {
		return "", err
	}
	return b.recheck(ctx, repo, v)
}

// Delete implements cleanup.Backend.
func (r *Registries) Delete(ctx context.Context, repo image.Repository, v retention.Version) error {
	b, err := r.of(repo.Host())
	if err != nil {
		return err
	}
	return b.remove(ctx, repo, v)
}

// Restore implements cleanup.Backend.
func (r *Registries) Restore(ctx context.Context, repo image.Repository, v retention.Version) error {
	b, err := r.of(repo.Host())
	if err != nil {
		return err
	}
	return b.restore(ctx, repo, v)
}
