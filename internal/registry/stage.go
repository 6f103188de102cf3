package registry

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
)

// Stage does what Attach will have to do before anything refers to an artifact of
// subject: it uploads its content, which may come later, or never where the channel
// is closed. It asks the registry where to send it meanwhile. What goes wrong comes
// again in Attach.
func (c *Client) Stage(ctx context.Context, subject image.Pinned, content <-chan []byte) {
	s, err := c.session(ctx, subject.Repository, transport.PushScope)
	if err == nil {
		err = s.stage(ctx, subject, content)
	}
	if err != nil {
		c.log.Debug("upload early", "subject", subject.String(), "because", err)
	}
}

func (s *session) stage(ctx context.Context, subject image.Pinned, content <-chan []byte) error {
	ready, readyCtx := errgroup.WithContext(ctx)
	ready.Go(func() error {
		_, err := s.target(readyCtx, subject)
		return err
	})
	ready.Go(func() error { return s.uploadMissing(readyCtx, emptyConfig) })
	begun, err := s.beginUpload(readyCtx)
	if waitErr := ready.Wait(); waitErr != nil {
		err = waitErr
	}
	if err != nil {
		return err
	}
	text, made := <-content
	if !made {
		return nil // the registry forgets what was begun
	}
	return s.once(ctx, text, func() error { return s.finishUpload(ctx, begun, text) })
}

// target describes a manifest that something is attached to, by one look at it.
func (s *session) target(ctx context.Context, subject image.Pinned) (v1.Descriptor, error) {
	unlock, err := s.blobs.lock(ctx, string(subject.Digest))
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer unlock()
	if d, ok := s.targets.Load(subject.Digest); ok {
		return d.(v1.Descriptor), nil
	}
	d, err := s.head(ctx, subject.Ref())
	if err == nil {
		s.targets.Store(subject.Digest, d)
	}
	return d, err
}
