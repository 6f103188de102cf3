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

// uploadOnce stores content that no registry has yet as a blob, unless this session
// did so. (ggcr's writer takes four requests, and asks each time for what is new each
// time.)
func (s *session) uploadOnce(ctx context.Context, content []byte) error {
	return s.once(ctx, content, func() error { return s.upload(ctx, content) })
}

// uploadMissing stores content that the registry may have, as what many manifests share.
func (s *session) uploadMissing(ctx context.Context, content []byte) error {
	return s.once(ctx, content, func() error {
		there, err := s.do(ctx, http.MethodHead, s.url("blobs/"+describe("", content).Digest.String()), nil, nil, http.StatusOK, http.StatusNotFound)
		if err == nil && there.status == http.StatusNotFound {
			err = s.upload(ctx, content)
		}
		return err
	})
}

// once has store see to it that content is there, where that isn't known yet.
func (s *session) once(ctx context.Context, content []byte, store func() error) error {
	digest := describe("", content).Digest.String()
	unlock, err := s.blobs.lock(ctx, digest)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := s.stored.Load(digest); ok {
		return nil
	}
	if err := store(); err != nil {
		return err
	}
	s.stored.Store(digest, true)
	return nil
}

// upload stores content in the two requests that every registry knows.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put
func (s *session) upload(ctx context.Context, content []byte) error {
	begun, err := s.beginUpload(ctx)
	if err != nil {
		return err
	}
	return s.finishUpload(ctx, begun, content)
}

// beginUpload returns where to send a blob. The registry forgets it after a while
// where nothing is sent.
func (s *session) beginUpload(ctx context.Context) (*url.URL, error) {
	begun, err := s.do(ctx, http.MethodPost, s.url("blobs/uploads/"), nil, nil, http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	location, err := begun.url.Parse(begun.header.Get("Location"))
	if err != nil {
		return nil, fmt.Errorf("where to upload to: %w", err)
	}
	return location, nil
}

func (s *session) finishUpload(ctx context.Context, begun *url.URL, content []byte) error {
	if len(content) > maxContent {
		return fmt.Errorf("its content of %d bytes is larger than %d MiB", len(content), maxContent>>20)
	}
	location := *begun
	// What the registry wrote there stays as it is, letter by letter.
	location.RawQuery = strings.TrimPrefix(location.RawQuery+"&digest="+url.QueryEscape(describe("", content).Digest.String()), "&")
	_, err := s.do(ctx, http.MethodPut, &location, map[string]string{"Content-Type": "application/octet-stream"}, content, http.StatusCreated)
	return err
}
