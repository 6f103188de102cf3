package sigstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/org/release-actions/internal/hint"
)

// trustedRoot reads whose signatures count: a file, or by TUF where path is "".
func trustedRoot(ctx context.Context, path string, o Options) (*root.TrustedRoot, error) {
	if path == "" {
		return fetch(ctx, o, "trusted root", root.GetTrustedRoot)
	}
	trusted, err := root.NewTrustedRootFromPath(path)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("trusted root %q: %w", path, err),
			"give the file that \"cosign trusted-root create\" writes, or none for the public instance")
	}
	return trusted, nil
}

// signingConfig reads where to sign: a file, or by TUF where path is "".
func signingConfig(ctx context.Context, path string, o Options) (*root.SigningConfig, error) {
	if path == "" {
		return fetch(ctx, o, "signing config", root.GetSigningConfig)
	}
	config, err := root.NewSigningConfigFromPath(path)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("signing config %q: %w", path, err),
			"give the file that \"cosign signing-config create\" writes, or none for the public instance")
	}
	return config, nil
}

// fetch gets what describes the public instance. What was fetched within a day
// is not fetched again, so that the steps of one job ask once.
func fetch[T any](ctx context.Context, o Options, what string, get func(*tuf.Client) (*T, error)) (*T, error) {
	client, err := tuf.New(&tuf.Options{
		Root:              tuf.DefaultRoot(),
		RepositoryBaseURL: tuf.DefaultMirror,
		CachePath:         filepath.Join(o.TempDir, "sigstore"),
		DisableLocalCache: o.TempDir == "",
		CacheValidity:     1,
		Fetcher:           fetcher{ctx, &http.Client{Transport: o.transport()}},
	})
	var got *T
	if err == nil {
		got, err = get(client)
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("fetch the %s of the public Sigstore instance: %w", what, err),
			"allow %s, or give trusted-root and signing-config as files", tuf.DefaultMirror)
	}
	return got, nil
}

// fetcher downloads TUF metadata through our transport, and ends with ctx.
type fetcher struct {
	ctx    context.Context
	client *http.Client
}

// DownloadFile implements go-tuf's fetcher.Fetcher, which tells the newest root
// by a 404 for the next one.
func (f fetcher) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
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
	if err == nil && int64(len(data)) > limit {
		err = &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s is longer than %d bytes", url, limit)}
	}
	return data, err
}
