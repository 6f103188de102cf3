package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// maxManifest bounds a manifest and a listing, in bytes. Registries take
// manifests of 4 MiB.
const maxManifest = 32 << 20

// answer is a response whose body was read.
type answer struct {
	status int
	header http.Header
	body   []byte
	url    *url.URL
}

// url returns an endpoint of the repository: "manifests/1.2".
func (s *session) url(endpoint string) *url.URL {
	return &url.URL{Scheme: s.repo.Scheme(), Host: s.repo.RegistryStr(), Path: "/v2/" + s.repo.RepositoryStr() + "/" + endpoint}
}

// do sends a request. A status that is not among want is a *transport.Error.
func (s *session) do(ctx context.Context, method string, u *url.URL, header map[string]string, body []byte, want ...int) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // what matters of it is read below
	if err := transport.CheckError(resp, want...); err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err == nil && len(text) > maxManifest {
		err = fmt.Errorf("the answer has more than %d MiB", maxManifest>>20)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: text, url: resp.Request.URL}, err
}

// put stores a manifest under a tag or a digest.
func (s *session) put(ctx context.Context, reference string, t types.MediaType, raw []byte) error {
	_, err := s.do(ctx, http.MethodPut, s.url("manifests/"+reference), map[string]string{"Content-Type": string(t)}, raw,
		http.StatusCreated, http.StatusOK, http.StatusAccepted)
	return err
}

// PutManifest stores a manifest or an index under its digest: no tag is written.
// What it names must be there. To do it again changes nothing.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
func (c *Client) PutManifest(ctx context.Context, repo image.Repository, m Manifest) error {
	s, err := c.session(ctx, repo, transport.PushScope)
	if err == nil {
		err = s.put(ctx, string(m.Digest), types.MediaType(m.MediaType), m.Raw)
	}
	return c.failWrite("push", repo, repo.Pin(m.Digest), err)
}

// Tag puts the manifest under the tag, and reads it back.
func (c *Client) Tag(ctx context.Context, p image.Pinned, tag string) error {
	ref := p.Repository.Tag(tag)
	return c.failWrite("tag", p.Repository, ref, c.tag(ctx, p, ref))
}

func (c *Client) tag(ctx context.Context, p image.Pinned, ref image.Ref) error {
	s, err := c.session(ctx, p.Repository, transport.PushScope)
	if err != nil {
		return err
	}
	m, err := s.manifest(ctx, p)
	if err != nil {
		return err
	}
	if err := s.put(ctx, ref.Tag, types.MediaType(m.MediaType), m.Raw); err != nil {
		return err
	}
	// A registry may show the old state for a moment.
	found := "nothing"
	done, err := c.poll(ctx, func() (bool, error) {
		d, err := s.head(ctx, ref)
		if kindOf(err) == ErrNotFound { //nolint:errorlint // kindOf returns the sentinel itself
			return false, nil
		}
		found = d.Digest.String()
		return found == string(p.Digest), err
	})
	if err == nil && !done {
		err = fmt.Errorf("the registry took it, but the tag points to %s", found)
	}
	return err
}

// Untag removes the tag and leaves the manifest. It is ErrUnsupported where
// the registry can't do that, and ErrNotFound where there is no such tag.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
func (c *Client) Untag(ctx context.Context, ref image.Ref) error {
	s, err := c.session(ctx, ref.Repository, transport.DeleteScope)
	if err == nil {
		_, err = s.do(ctx, http.MethodDelete, s.url("manifests/"+ref.Tag), nil, nil,
			http.StatusAccepted, http.StatusOK, http.StatusNoContent)
	}
	return c.failWrite("remove the tag", ref.Repository, ref, err)
}

// CheckPush finds out whether the credentials may push to repo: it begins an
// upload and gives it up. A token alone doesn't tell on Docker Hub.
func (c *Client) CheckPush(ctx context.Context, repo image.Repository) error {
	err := c.failWrite("push to", repo, repo, c.checkPush(ctx, repo))
	if errors.Is(err, ErrNotFound) {
		err = hint.Wrap(err, "create the repository, or the project that it belongs to, in the registry first")
	}
	return err
}

func (c *Client) checkPush(ctx context.Context, repo image.Repository) error {
	s, err := c.session(ctx, repo, transport.PushScope)
	if err != nil {
		return err
	}
	begun, err := s.do(ctx, http.MethodPost, s.url("blobs/uploads/"), nil, nil, http.StatusAccepted, http.StatusCreated)
	if err != nil {
		return err
	}
	if upload, err := begun.url.Parse(begun.header.Get("Location")); err == nil && upload.Host == begun.url.Host {
		if _, err := s.do(ctx, http.MethodDelete, upload, nil, nil, http.StatusNoContent, http.StatusOK, http.StatusAccepted); err != nil {
			// The registry drops it by itself, later.
			c.log.Debug("give up the upload of the push check", "repository", repo.String(), "status", statusOf(err))
		}
	}
	return nil
}
