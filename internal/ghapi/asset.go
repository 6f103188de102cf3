package ghapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Asset is a file of a release.
//
// https://docs.github.com/rest/releases/assets
type Asset struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Label       string `json:"label"`
	ContentType string `json:"content_type"`
	// State is "uploaded", or else the upload was never completed.
	State string `json:"state"`
	Size  int64  `json:"size"` // bytes
	// Digest is "sha256:…", or empty where the server doesn't tell it.
	Digest string `json:"digest"`
	URL    string `json:"browser_download_url"`
	// Created is when the upload began.
	Created time.Time `json:"created_at"`
}

// Uploaded reports whether all of the asset has arrived.
func (a Asset) Uploaded() bool { return a.State == "uploaded" }

// File is a file to upload.
type File struct {
	Path    string
	Content []byte // in place of Path, where it isn't nil
	// Name is the asset's name; Label what the page shows instead, if not empty.
	Name, Label string
	ContentType string
	Size        int64  // bytes
	Digest      string // "sha256:…"
}

var renamed = regexp.MustCompile(`[^A-Za-z0-9_+@-]+`)

// AssetName returns a name that GitHub leaves as it is. By itself GitHub puts
// dots in the place of special characters, and takes dots off the ends.
func AssetName(name string) string {
	return strings.Trim(renamed.ReplaceAllString(name, "."), ".")
}

// Assets lists all assets of r, also those whose upload was interrupted.
func (c *Client) Assets(ctx context.Context, r Release) ([]Asset, error) {
	var all []Asset
	for page := 1; page != 0; {
		var assets []Asset
		resp, err := c.call(ctx, http.MethodGet, c.path("releases", id(r.ID), "assets")+"?per_page=100&page="+strconv.Itoa(page), nil, &assets)
		if err != nil {
			return nil, wrap(err, "list assets of release %q", r.Tag)
		}
		all = append(all, assets...)
		page = resp.NextPage
	}
	return all, nil
}

// UploadAsset streams a file to the address that the release itself names,
// since hosts differ between github.com and GitHub Enterprise. An empty file is
// refused by GitHub.
func (c *Client) UploadAsset(ctx context.Context, r Release, f File) (Asset, error) {
	address, _, _ := strings.Cut(r.UploadURL, "{")
	if address == "" {
		return Asset{}, fmt.Errorf("upload %q: release %q has no upload address", f.Name, r.Tag)
	}
	query := url.Values{"name": {f.Name}}
	if f.Label != "" {
		query.Set("label", f.Label)
	}
	req, err := c.github.NewUploadRequest(address+"?"+query.Encode(), nil, f.Size, f.ContentType)
	if err != nil {
		return Asset{}, wrap(err, "upload %q", f.Name)
	}
	// By GetBody the transport can send the file anew.
	req.GetBody = f.open
	if req.Body, err = req.GetBody(); err != nil {
		return Asset{}, wrap(err, "upload %q", f.Name)
	}
	var a Asset
	_, err = c.send(ctx, req, &a)
	return a, wrap(err, "upload %q", f.Name)
}

func (f File) open() (io.ReadCloser, error) {
	if f.Content != nil {
		return io.NopCloser(bytes.NewReader(f.Content)), nil
	}
	return os.Open(f.Path)
}

// RenameAsset gives an asset another name, and returns what it is then.
func (c *Client) RenameAsset(ctx context.Context, a Asset, name string) (Asset, error) {
	var renamed Asset
	_, err := c.call(ctx, http.MethodPatch, c.path("releases", "assets", id(a.ID)), map[string]string{"name": name}, &renamed)
	return renamed, wrap(err, "rename asset %q to %q", a.Name, name)
}

// DeleteAsset removes an asset.
func (c *Client) DeleteAsset(ctx context.Context, a Asset) error {
	_, err := c.call(ctx, http.MethodDelete, c.path("releases", "assets", id(a.ID)), nil, nil)
	return wrap(err, "delete asset %q", a.Name)
}
