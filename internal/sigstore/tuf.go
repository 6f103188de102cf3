package sigstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/org/release-actions/internal/hint"
)

const (
	fresh    = 24 * time.Hour   // is not asked for again
	hasten   = 30 * time.Second // for a refresh that can be done without
	rootsDir = "roots"
	marker   = "refreshed"
)

// repository is where an operator publishes the keys and addresses of an
// instance, by TUF: whatever comes from there is signed by what root leads to.
//
// https://theupdateframework.github.io/specification/v1.0.33/
type repository struct {
	name, url string
	root      []byte
}

// githubRoot is version 3 of the root of tuf-repo.github.com, which later ones
// are signed by, as GitHub's own client embeds it:
// https://github.com/cli/cli/blob/v2.83.0/pkg/cmd/attestation/verification/embed/tuf-repo.github.com/root.json
//
//go:embed tuf-repo.github.com.root.json
var githubRoot []byte

var repositories = map[Operator]repository{
	Public: {"the public Sigstore instance", tuf.DefaultMirror, tuf.DefaultRoot()},
	GitHub: {"GitHub's Sigstore instance", "https://tuf-repo.github.com", githubRoot},
}

// fetch gets a file that describes an instance. What was fetched within a day
// is not fetched again; what is older is used where a refresh fails, as long as
// it has not expired.
func fetch[T any](ctx context.Context, o Options, operator Operator, target string, parse func([]byte) (T, error)) (got T, err error) {
	r, ok := o.repositories[operator]
	if !ok {
		r = repositories[operator]
	}
	c := &tufCache{repository: r}
	if dir := o.place().CacheDir(); dir != "" {
		c.dir = filepath.Join(dir, "sigstore", path.Base(r.url))
		if os.MkdirAll(filepath.Join(c.dir, rootsDir), 0o700) != nil {
			c.dir = "" // a place that can't be written to is none
		}
	}
	text, err := c.get(ctx, o, target)
	if err == nil {
		got, err = parse(text)
	}
	if err != nil {
		err = hint.Wrap(fmt.Errorf("%s of %s: %w", target, r.name, err), "allow %s, or give trusted-root and signing-config as files", r.url)
	}
	return got, err
}

// tufCache is what a repository said last, in a folder of go-tuf's, together
// with all the roots on the way: the embedded root may have expired, and nothing
// is believed but what it leads to.
type tufCache struct {
	repository
	dir string // "" for none
}

func (c *tufCache) get(ctx context.Context, o Options, target string) ([]byte, error) {
	kept, keptErr := c.read(offline{c.dir}, target)
	if keptErr == nil && c.age() < fresh {
		return kept, nil
	}
	if keptErr == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, hasten, fmt.Errorf("no answer within %s", hasten))
		defer cancel()
	}
	mirror := online{ctx, &http.Client{Transport: o.transport()}, map[string][]byte{}}
	text, err := c.read(mirror, target)
	if err != nil && keptErr == nil {
		o.log().Warn("what describes "+c.name+" can't be refreshed; what was kept of it is used, which has not expired", "age", c.age().Round(time.Minute), "cause", err)
		return kept, nil
	}
	if err == nil && c.dir != "" {
		err = c.keep(mirror.roots)
	}
	return text, err
}

// keep adds to what go-tuf keeps.
func (c *tufCache) keep(roots map[string][]byte) error {
	for name, data := range roots {
		if err := os.WriteFile(filepath.Join(c.dir, rootsDir, name), data, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(c.dir, marker), nil, 0o600)
}

// age is the time since the last refresh.
func (c *tufCache) age() time.Duration {
	info, err := os.Stat(filepath.Join(c.dir, marker))
	if err != nil {
		return fresh
	}
	return time.Since(info.ModTime())
}

// read follows TUF's workflow for clients over what fetcher gives.
func (c *tufCache) read(fetcher interface {
	DownloadFile(url string, limit int64, timeout time.Duration) ([]byte, error)
}, target string) ([]byte, error) {
	settings, err := config.New(c.url, c.root)
	if err != nil {
		return nil, err
	}
	settings.Fetcher = fetcher
	settings.LocalMetadataDir, settings.LocalTargetsDir = c.dir, filepath.Join(c.dir, "targets")
	settings.DisableLocalCache = c.dir == ""
	client, err := updater.New(settings)
	if err != nil {
		return nil, err
	}
	if err := client.Refresh(); err != nil {
		return nil, err
	}
	info, err := client.GetTargetInfo(target)
	if err != nil {
		return nil, err
	}
	if path, text, err := client.FindCachedTarget(info, ""); err != nil || path != "" {
		return text, err
	}
	_, text, err := client.DownloadTarget(info, "", "")
	return text, err
}

// online downloads, through our transport and until ctx ends.
type online struct {
	ctx    context.Context
	client *http.Client
	roots  map[string][]byte // that were downloaded
}

// DownloadFile implements go-tuf's fetcher.Fetcher, which tells the newest root
// by a 404 for the next one.
func (f online) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // what counts is read below
	if resp.StatusCode != http.StatusOK {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: resp.StatusCode, URL: url}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s is longer than %d bytes", url, limit)}
	}
	if isRoot(url) {
		f.roots[path.Base(url)] = data
	}
	return data, nil
}

func isRoot(url string) bool { return strings.HasSuffix(url, ".root.json") }

// offline answers from what is kept in dir.
type offline struct{ dir string }

// DownloadFile implements go-tuf's fetcher.Fetcher.
func (f offline) DownloadFile(url string, _ int64, _ time.Duration) ([]byte, error) {
	name := path.Base(url)
	if isRoot(url) {
		name = filepath.Join(rootsDir, name)
	} else if name != "timestamp.json" { // go-tuf looks for all others by itself
		return nil, os.ErrNotExist
	}
	if f.dir == "" {
		return nil, os.ErrNotExist
	}
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if errors.Is(err, os.ErrNotExist) && isRoot(url) {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: url}
	}
	return data, err
}
