package devstack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/hint"
)

// checkSocketPath says early and clearly what bind says as "invalid argument".
func checkSocketPath(path string) error {
	const limit = 107 // sockaddr_un, less the final zero
	if len(path) <= limit {
		return nil
	}
	return hint.Wrap(fmt.Errorf("socket %q: the path is longer than the %d bytes a socket may have", path, limit),
		"choose a shorter folder with -dir")
}

// client asks the daemon of the world in a folder.
type client struct {
	dir  string
	http *http.Client
}

func newClient(dir string) *client {
	return &client{dir, &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", controlSocket(dir))
		},
	}}}
}

// errNoWorld says that nobody listens on the control socket.
var errNoWorld = errors.New("no world runs")

// status returns how the parts are.
func (c *client) status(ctx context.Context) ([]partStatus, error) {
	var status []partStatus
	return status, c.ask(ctx, http.MethodGet, "/parts", nil, &status)
}

// stopPart stops one part, as a fault would.
func (c *client) stopPart(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodPost, "/parts/"+url.PathEscape(name)+"/stop", nil, nil)
}

// startPart starts a part that was stopped, and returns when it serves.
func (c *client) startPart(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodPost, "/parts/"+url.PathEscape(name)+"/start", nil, nil)
}

// addFault makes requests to the stand-ins fail.
func (c *client) addFault(ctx context.Context, rule fault.Rule) error {
	return c.ask(ctx, http.MethodPost, "/faults", rule, nil)
}

// clearFaults ends all faults.
func (c *client) clearFaults(ctx context.Context) error {
	return c.ask(ctx, http.MethodDelete, "/faults", nil, nil)
}

// down ends the world, and returns when all but the daemon itself has ended.
func (c *client) down(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/down", nil, nil)
}

func (c *client) ask(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://devstack"+path, content)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return hint.Wrap(fmt.Errorf("%w in %q", errNoWorld, c.dir), "start it with make up")
	}
	if err != nil {
		return fmt.Errorf("ask the world: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask the world: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return errors.New(strings.TrimSpace(string(text)))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// handler serves the control socket.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	done := func(w http.ResponseWriter, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	mux.HandleFunc("GET /parts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d.parts.status()) // a client that is gone needs no answer
	})
	mux.HandleFunc("POST /parts/{name}/stop", func(w http.ResponseWriter, r *http.Request) {
		done(w, d.parts.stop(r.PathValue("name")))
	})
	mux.HandleFunc("POST /parts/{name}/start", func(w http.ResponseWriter, r *http.Request) {
		// A part lives longer than the request that starts it, and than a client that gives up.
		done(w, d.parts.restart(context.WithoutCancel(r.Context()), r.PathValue("name")))
	})
	mux.HandleFunc("POST /down", func(w http.ResponseWriter, r *http.Request) {
		done(w, d.stop(context.WithoutCancel(r.Context())))
		d.end()
	})
	mux.HandleFunc("GET /undescribed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d.servers.Undescribed()) // a client that is gone needs no answer
	})
	d.handleOptional(mux, done)
	mux.Handle("/", d.servers.Faults.Handler())
	return mux
}
