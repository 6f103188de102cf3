package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// describe returns the descriptor of content.
func describe(t types.MediaType, content []byte) v1.Descriptor {
	sum := sha256.Sum256(content)
	return v1.Descriptor{MediaType: t, Size: int64(len(content)), Digest: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}}
}

// upload stores content as a blob, in the two requests that every registry knows.
// (ggcr's writer takes four, and asks each time for what is new each time.)
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put
func (s *session) upload(ctx context.Context, content []byte) error {
	if len(content) > maxContent {
		return fmt.Errorf("its content of %d bytes is larger than %d MiB", len(content), maxContent>>20)
	}
	begun, err := s.do(ctx, http.MethodPost, s.url("blobs/uploads/"), nil, nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	location, err := begun.url.Parse(begun.header.Get("Location"))
	if err != nil {
		return fmt.Errorf("where to upload to: %w", err)
	}
	// What the registry wrote there stays as it is, letter by letter.
	location.RawQuery = strings.TrimPrefix(location.RawQuery+"&digest="+url.QueryEscape(describe("", content).Digest.String()), "&")
	_, err = s.do(ctx, http.MethodPut, location, map[string]string{"Content-Type": "application/octet-stream"}, content, http.StatusCreated)
	return err
}

// uploadMissing uploads what many manifests share, once.
func (s *session) uploadMissing(ctx context.Context, content []byte) error {
	digest := describe("", content).Digest.String()
	unlock, err := s.blobs.lock(ctx, digest)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := s.stored.Load(digest); ok {
		return nil
	}
	there, err := s.do(ctx, http.MethodHead, s.url("blobs/"+digest), nil, nil, http.StatusOK, http.StatusNotFound)
	if err == nil && there.status == http.StatusNotFound {
		err = s.upload(ctx, content)
	}
	if err == nil {
		s.stored.Store(digest, true)
	}
	return err
}
