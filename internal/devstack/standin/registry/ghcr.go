package registry

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

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
	Log              *slog.Logger
}

// NewGHCR returns the handler of ghcr.io. What it holds, and that it answers
// 404 on /referrers/, is the backend's doing.
func NewGHCR(o GHCROptions) (http.Handler, error) {
	backend, err := url.Parse(o.Backend)
	if err != nil || backend.Scheme == "" || backend.Host == "" {
		return nil, fmt.Errorf("backend of ghcr.io: %q is not a URL such as http://127.0.0.1:5000", o.Backend)
	}
	return &ghcr{o, front(backend, o.Log)}, nil
}

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

type ghcr struct {
	GHCROptions
	backend http.Handler
}

func (g *ghcr) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		g.backend.ServeHTTP(w, r)
	case !canWrite:
		errorf(http.StatusForbidden, "DENIED", "permission_denied: write_package").write(w)
	case !strings.HasPrefix(r.URL.Path, "/v2/"+strings.ToLower(g.Owner)+"/"):
		errorf(http.StatusForbidden, "DENIED", "permission_denied: The token provided does not match expected scopes.").write(w)
	default:
		g.backend.ServeHTTP(w, r)
	}
}
