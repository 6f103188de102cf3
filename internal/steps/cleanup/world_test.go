package cleanup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

// world is a Backend over registries in memory, which things happen to.
type world struct {
	registries map[image.Repository]*retentiontest.Registry
	before     func(method string, d image.Digest) error // is called before each call is answered
	calls      []string

	seen  map[image.Digest]string // what Recheck compares with
	gone  map[image.Digest]retention.Version
	out   bytes.Buffer
	now   time.Time
	dir   string
	lists int
}

func newWorld(t *testing.T, registries ...*retentiontest.Registry) *world {
	t.Helper()
	w := &world{registries: map[image.Repository]*retentiontest.Registry{}, seen: map[image.Digest]string{}, gone: map[image.Digest]retention.Version{}, dir: t.TempDir()}
	for _, r := range registries {
		w.registries[r.Repository] = r
		w.now = r.Now
	}
	return w
}

func (w *world) run(ctx context.Context, cfg Config) (Result, error) {
	w.out.Reset()
	return Run(ctx, cfg, w.deps())
}

func (w *world) deps() Deps {
	return Deps{
		Backend: w, TempDir: w.dir, Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(&w.out, nil)), Out: &w.out,
	}
}

func (w *world) call(method string, d image.Digest) error {
	if w.before != nil {
		if err := w.before(method, d); err != nil {
			return err
		}
	}
	w.calls = append(w.calls, method+" "+string(d))
	return nil
}

func (w *world) Repositories(_ context.Context, pattern string) ([]image.Repository, error) {
	var found []image.Repository
	for r := range w.registries {
		if strings.HasPrefix(r.String(), strings.TrimSuffix(pattern, "*")) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b image.Repository) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

func (w *world) List(_ context.Context, repo image.Repository) (retention.Inventory, error) {
	r := w.registries[repo]
	if r == nil {
		return retention.Inventory{}, errors.New("no such repository")
	}
	w.lists++
	for _, d := range r.Digests() {
		w.seen[d] = state(r, d)
	}
	return r.Inventory(), nil
}

func (w *world) Blobs(_ context.Context, repo image.Repository, versions []image.Digest) map[image.Digest][]retention.Blob {
	blobs := map[image.Digest][]retention.Blob{}
	for _, d := range versions {
		blobs[d] = w.registries[repo].Version(d).Blobs
	}
	return blobs
}

func (w *world) Recheck(_ context.Context, repo image.Repository, v retention.Version) (string, error) {
	if err := w.call("recheck", v.Digest); err != nil {
		return "", err
	}
	r := w.registries[repo]
	if r.Version(v.Digest) != nil && w.adds(r, v.Digest) {
		return "it has new tags, or something new refers to it", nil
	}
	return "", nil
}

// adds reports whether a version has gained anything. What it has lost, the run
// itself has removed.
func (w *world) adds(r *retentiontest.Registry, d image.Digest) bool {
	for part := range strings.FieldsSeq(state(r, d)) {
		if !strings.Contains(w.seen[d], part) {
			return true
		}
	}
	return false
}

// state is all that may hold a version.
func state(r *retentiontest.Registry, d image.Digest) string {
	parts := slices.Clone(r.Version(d).Tags)
	for _, other := range r.Digests() {
		v := r.Version(other)
		holds := v.Subject == d || slices.ContainsFunc(v.Tags, func(t string) bool { return strings.HasPrefix(t, "sha256-"+d.Hex()) })
		if holds || slices.ContainsFunc(v.Children, func(c retention.Child) bool { return c.Digest == d }) {
			parts = append(parts, string(other))
		}
	}
	return strings.Join(parts, " ")
}

func (w *world) Delete(_ context.Context, repo image.Repository, v retention.Version) error {
	if err := w.call("delete", v.Digest); err != nil {
		return err
	}
	if there := w.registries[repo].Version(v.Digest); there != nil {
		w.gone[v.Digest] = *there
	}
	w.registries[repo].Delete(v.Digest)
	return nil
}

func (w *world) Restore(_ context.Context, repo image.Repository, v retention.Version) error {
	if err := w.call("restore", v.Digest); err != nil {
		return err
	}
	if gone, ok := w.gone[v.Digest]; ok {
		w.registries[repo].Push(gone)
	}
	return nil
}
