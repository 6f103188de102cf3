package sigstore

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/parallel"
)

// endpoint is something that a service answers without doing anything.
type endpoint struct{ service, url string }

// Reach sees to it that the job can sign with the instance that i describes: what
// describes it can be read, the key too, a private repository's name stays out of
// the public log, and every service of the instance serves. It signs nothing, and
// returns all that is in the way.
func Reach(ctx context.Context, i Instance, token TokenSource, o Options) error {
	s, err := NewSigner(ctx, i, token, 0, o)
	if err != nil {
		return err
	}
	if _, err := s.Verifier(ctx); err != nil {
		return err
	}
	if s.guarded && s.pair == nil {
		// Where there is no token, there is no permission for one, which is another matter.
		if t, err := token(ctx, audience); err == nil {
			if err := s.guard(t.Reveal()); err != nil {
				return err
			}
		}
	}
	return parallel.Each(s.endpoints(), func(_ int, e endpoint) error { return s.reach(ctx, e) })
}

// endpoints are those of the services that a signature asks.
func (s *Signer) endpoints() []endpoint {
	var all []endpoint
	at := func(service, base, path string) {
		all = append(all, endpoint{service, strings.TrimSuffix(base, "/") + path})
	}
	if s.services.fulcio != "" {
		at("fulcio", s.services.fulcio, "/api/v2/configuration")
	}
	for _, version := range s.versions {
		for _, url := range s.services.logs[version] {
			at("rekor", url, map[uint32]string{1: "/api/v1/log", 2: "/api/v2/checkpoint"}[version])
		}
	}
	for _, url := range s.services.timestamps {
		at("timestamp authority", url, "/certchain")
	}
	return all
}

// reach asks a service. One that refuses the question, or doesn't know it as the
// part of Rekor 2 that is written to (501), serves all the same.
func (s *Signer) reach(ctx context.Context, e endpoint) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return err
	}
	resp, err := s.client(ctx, e.service).Do(req)
	if err == nil {
		return resp.Body.Close()
	}
	var failed *ServiceError
	if errors.As(err, &failed) && failed.Status != 0 && (failed.Status < http.StatusInternalServerError || failed.Status == http.StatusNotImplemented) {
		return nil
	}
	return hint.Wrap(plain(err), "see https://status.sigstore.dev, or the server of your own; run again later, or give \"retry-for\" more time")
}
