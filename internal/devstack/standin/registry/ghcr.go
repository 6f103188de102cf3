package registry

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/org/release-actions/internal/secret"
)

// GHCROptions configure the front of ghcr.io.
type GHCROptions struct {
	// Backend is the URL of a plain distribution registry without
	// authentication, on loopback.
	Backend string
	// Owner is the account whose packages the tokens may write.
	Owner string
	// Public is an account whose packages everybody may read.
	Public string
	// Token may read and write, ReadToken only read. Any user name goes
	// with them, as with GITHUB_TOKEN.
	Token, ReadToken secret.String
	// Now is the clock of the packages; nil is time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// GHCR is ghcr.io: a front that checks who asks, and knows what passes.
type GHCR struct {
	GHCROptions
	backend  http.Handler
	packages *Packages
}

// NewGHCR returns ghcr.io. What it holds, and that it answers 404 on
// /referrers/, is the backend's doing.
func NewGHCR(o GHCROptions) (*GHCR, error) {
	backend, err := url.Parse(o.Backend)
	if err != nil || backend.Scheme == "" || backend.Host == "" {
		return nil, fmt.Errorf("backend of ghcr.io: %q is not a URL such as http://127.0.0.1:5000", o.Backend)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &GHCR{o, front(backend, o.Log), newPackages(backend, o.Now)}, nil
}

// Packages returns what was pushed, for GitHub's own API.
func (g *GHCR) Packages() *Packages { return g.packages }

// NewMirror returns the handler of a registry that everybody may read, and
// nobody write: mirror.gcr.io. Its backend is as that of ghcr.io.
func NewMirror(backend string, log *slog.Logger) (http.Handler, error) {
	at, err := url.Parse(backend)
	if err != nil {
		return nil, err
	}
	registry := front(at, log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			errUnsupported().write(w)
			return
		}
		registry.ServeHTTP(w, r)
	}), nil
}

// front passes requests on to a registry on loopback.
func front(backend *url.URL, log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(backend)
			// The registry makes the URLs of its Location headers from these.
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Authorization")
		},
		FlushInterval: -1, // layers stream
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// ServeHTTP implements http.Handler.
func (g *GHCR) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, password, _ := r.BasicAuth()
	canWrite := equal(g.Token.Reveal(), password)
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case reads && g.Public != "" && strings.HasPrefix(r.URL.Path, "/v2/"+g.Public+"/"):
		g.backend.ServeHTTP(w, r)
	case !canWrite && !equal(g.ReadToken.Reveal(), password):
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub Package Registry"`)
		errorf(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required").write(w)
	case reads:
		g.serve(w, r)
	case !canWrite:
		errorf(http.StatusForbidden, "DENIED", "permission_denied: write_package").write(w)
	case !strings.HasPrefix(r.URL.Path, "/v2/"+strings.ToLower(g.Owner)+"/"):
		errorf(http.StatusForbidden, "DENIED", "permission_denied: The token provided does not match expected scopes.").write(w)
	case r.Method == http.MethodDelete && manifestPath.MatchString(r.URL.Path):
		errUnsupported().write(w) // packages are deleted by GitHub's API only
	default:
		g.serve(w, r)
	}
}

var manifestPath = regexp.MustCompile(`^/v2/(.+)/manifests/([^/]+)$`)

// serve passes a request on, and notes what it does to the packages.
func (g *GHCR) serve(w http.ResponseWriter, r *http.Request) {
	named := manifestPath.FindStringSubmatch(r.URL.Path)
	if named == nil || r.Method == http.MethodHead {
		g.backend.ServeHTTP(w, r)
		return
	}
	g.backend.ServeHTTP(&noting{w, func(status int) {
		digest := w.Header().Get("Docker-Content-Digest")
		switch {
		case r.Method == http.MethodPut && status == http.StatusCreated:
			g.packages.pushed(named[1], named[2], digest)
		case r.Method == http.MethodGet && status == http.StatusOK:
			g.packages.downloaded(named[1], digest)
		}
	}}, r)
}

// noting tells the status of an answer before the client has it.
type noting struct {
	http.ResponseWriter
	answers func(status int)
}

func (n *noting) WriteHeader(status int) {
	n.answers(status)
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }
