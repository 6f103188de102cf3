// Package github is a stand-in of GitHub's REST API that keeps state: what is
// created is listed, what exists can't be created again, drafts are seen by
// those who may write only.
//
// Answers have the shape of the published API description, with all required
// fields. There is one file for each resource; New registers their routes.
// Commits are not modelled: every well-formed SHA is taken as one that exists.
// https://docs.github.com/rest
package github

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/org/release-actions/internal/secret"
)

// The names that the stand-in serves.
const (
	APIHost     = "api.github.com"
	UploadsHost = "uploads.github.com"
	WebHost     = "github.com"
	// FilesHost is where downloads are redirected to.
	FilesHost = "release-assets.githubusercontent.com"
)

const (
	apiURL  = "https://" + APIHost
	webURL  = "https://" + WebHost
	docsURL = "https://docs.github.com/rest"
)

// Token is a credential and what it may do.
type Token struct {
	Value secret.String
	// Write is the permission "contents: write"; without it, it is "read".
	Write bool
}

// Options configure a Server.
type Options struct {
	// Repository is the one repository there is, as owner/name.
	Repository string
	Tokens     []Token
	// Commit is the SHA that the default branch, main, points to.
	Commit string
	// ImmutableReleases locks releases when they are published.
	ImmutableReleases bool
	// NoCodeScanning has it turned off in the settings.
	NoCodeScanning bool
	// RateLimit is the number of requests a token has in an hour; 0 is 5000.
	RateLimit int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Judge looks at all exchanges; nil looks at none.
	Judge Judge
}

// Server is the state and the handlers of GitHub.
type Server struct {
	tokens    []Token
	immutable bool
	now       func() time.Time
	limits    limits
	judge     Judge

	mu     sync.Mutex
	nextID int64
	repo   *repository
}

// New returns a repository without releases.
func New(o Options) (*Server, error) {
	owner, name, ok := strings.Cut(o.Repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("GitHub repository: %q is not owner/name", o.Repository)
	}
	if !shaPattern.MatchString(o.Commit) {
		return nil, fmt.Errorf("commit of %q: %q is not a SHA of 40 hex digits", o.Repository, o.Commit)
	}
	if o.RateLimit == 0 {
		o.RateLimit = 5000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		tokens: o.Tokens, immutable: o.ImmutableReleases, now: o.Now, judge: o.Judge,
		limits: limits{perHour: o.RateLimit, windows: map[string]*window{}},
		repo:   newRepository(owner, name, o.Commit, o.Now()),
	}
	s.repo.codeScanning = !o.NoCodeScanning
	return s, nil
}

// API serves api.github.com.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	s.routeRepository(mux)
	s.routeGit(mux)
	s.routeReleases(mux)
	s.routeAssets(mux)
	s.routeAttestations(mux)
	s.routeCodeScanning(mux)
	s.routeSnapshots(mux)
	s.routeRateLimit(mux)
	return s.judged(s.front(mux))
}

// Uploads serves uploads.github.com.
func (s *Server) Uploads() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	mux.HandleFunc("POST /repos/{owner}/{repo}/releases/{id}/assets", s.writer(s.uploadAsset))
	return s.judged(s.front(mux))
}

// id returns the next object's number. The caller holds the lock.
func (s *Server) id() int64 {
	s.nextID++
	return s.nextID
}

// timestamp is a time as GitHub writes it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func randomHex() string { return fmt.Sprintf("%x", rand.Text())[:20] }

// object is a JSON object of an answer.
type object = map[string]any
