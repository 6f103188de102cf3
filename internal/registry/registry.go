// Package registry speaks to OCI registries: it resolves and moves tags, reads
// manifests, and attaches artifacts to an image as referrers. Credentials come
// from the step's inputs, else from docker's own configuration, else there are
// none. Retries are the transport's; here are those only that wait for a
// registry to show what it has accepted.
//
// Protocol: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
package registry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/release-actions/internal/image"
)

// Options configure New. The zero value is usable.
type Options struct {
	// Transport carries every request and does the retries;
	// http.DefaultTransport where nil.
	Transport http.RoundTripper
	// DockerConfigDir holds docker's config.json with earlier logins and
	// credential helpers; none where "".
	DockerConfigDir string
	// Writes says that each repository that is read will be written, too: its one
	// login is for both.
	Writes bool
	// Log gets what may interest somebody who looks for a fault; discarded where nil.
	Log *slog.Logger
}

// Client reads and writes registries. It is safe for concurrent use.
type Client struct {
	keychain  *keychain
	transport http.RoundTripper
	writes    bool
	log       *slog.Logger
	redact    *strings.Replacer
	// waits are the pauses between looks at what a registry should show by now.
	waits []time.Duration
	// settle is the least time until a tag that was written is looked at again.
	settle   time.Duration
	sessions sync.Map // sessionKey → *session
	locks    keyedLock
}

// New returns a client that uses c's logins, which it validates first.
func New(c Credentials, o Options) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	logins := c.logins()
	var redact []string
	for _, l := range logins {
		redact = append(redact, l.password.Reveal(), l.password.String())
	}
	return &Client{
		keychain:  &keychain{logins: logins, dir: o.DockerConfigDir},
		transport: rewinding{o.Transport},
		writes:    o.Writes,
		log:       o.Log,
		redact:    strings.NewReplacer(redact...),
		waits: []time.Duration{
			200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
			3 * time.Second, 5 * time.Second, 5 * time.Second, 5 * time.Second,
		},
		settle: 20 * time.Millisecond,
	}, nil
}

// session is one login to one repository: a token with one scope, shared by
// all requests.
type session struct {
	repo   name.Repository
	client *http.Client
	puller *remote.Puller
	// noReferrers says that the registry was asked and has no Referrers API.
	noReferrers atomic.Bool
	referrers   sync.Map  // manifests by digest that were read to list them, until they are asked for
	targets     sync.Map  // descriptors by digest of manifests that something is attached to
	stored      sync.Map  // digests of blobs that are there
	blobs       keyedLock // of those that may be on their way
}

type sessionKey struct {
	repo  image.Repository
	scope string
}

// Warm logs in to where the images are, and finds out which registries have the
// Referrers API, all at once, so that what comes next need not wait for it. What goes
// wrong comes again there.
func (c *Client) Warm(ctx context.Context, images ...image.Pinned) {
	var all sync.WaitGroup
	for _, p := range images {
		all.Go(func() {
			s, err := c.session(ctx, p.Repository, transport.PullScope)
			if err == nil {
				_, _, err = s.askReferrers(ctx, p.Digest)
			}
			if err != nil {
				c.log.Debug("ask early", "image", p.String(), "because", err)
			}
		})
	}
	all.Wait()
}

// session returns the session of repo with the scope, one of ggcr's, logging
// in where that wasn't done yet.
func (c *Client) session(ctx context.Context, repo image.Repository, scope string) (*session, error) {
	if c.writes && scope == transport.PullScope {
		scope = transport.PushScope // which is for both
	}
	key := sessionKey{repo, scope}
	if s, ok := c.sessions.Load(key); ok {
		return s.(*session), nil
	}
	unlock, err := c.locks.lock(ctx, "session "+repo.String()+" "+scope)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s, ok := c.sessions.Load(key); ok {
		return s.(*session), nil
	}
	s, err := c.login(ctx, repo, scope)
	if err != nil {
		return nil, err
	}
	c.sessions.Store(key, s)
	return s, nil
}

func (c *Client) login(ctx context.Context, repo image.Repository, scope string) (*session, error) {
	target, err := name.NewRepository(repo.String())
	if err != nil {
		return nil, err
	}
	auth, err := c.keychain.authenticator(repo.Host())
	if err != nil {
		return nil, err
	}
	authenticated, err := transport.NewWithContext(ctx, target.Registry, auth, c.transport, []string{target.Scope(scope)})
	if err != nil {
		return nil, err
	}
	// A transport that is logged in already is taken as it is: ggcr adds no
	// handshake and no retries to it.
	options := []remote.Option{
		remote.WithTransport(authenticated),
		remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
	}
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, err
	}
	return &session{repo: target, client: &http.Client{Transport: authenticated}, puller: puller}, nil
}

// rewinding starts a request's body anew: after a refused token ggcr sends the
// same request once more, whose body is used up by then.
type rewinding struct{ http.RoundTripper }

func (r rewinding) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, errors.Join(err, req.Body.Close())
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = body
	}
	return r.RoundTripper.RoundTrip(req)
}

// poll calls look until it says done, with pauses, and reports whether it did.
func (c *Client) poll(ctx context.Context, look func() (done bool, err error)) (bool, error) {
	for i := 0; ; i++ {
		if done, err := look(); done || err != nil || i == len(c.waits) {
			return done, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(c.waits[i]):
		}
	}
}

// keyedLock is a lock for each key.
type keyedLock struct{ held sync.Map }

// lock waits for the lock of key, and returns what gives it back.
func (l *keyedLock) lock(ctx context.Context, key string) (unlock func(), err error) {
	v, _ := l.held.LoadOrStore(key, make(chan struct{}, 1))
	held := v.(chan struct{})
	select {
	case held <- struct{}{}:
		return func() { <-held }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
