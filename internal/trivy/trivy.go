// Package trivy runs Trivy of one pinned version: on an image in a registry, or
// on a CycloneDX or SPDX document. Trivy gets an environment made of nothing
// but what it needs, logins to the registry of the image and no other, and a
// vulnerability database that is fetched once for all scans.
//
// https://trivy.dev/v0.69/
package trivy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// Version is the one version of Trivy that is run: 0.69.4 to 0.69.6 were
// compromised.
//
// https://github.com/advisories/GHSA-69fq-xp46-6x23
const Version = "0.69.3"

// Config is the inputs of every step that scans: an untagged field of its own
// Config.
type Config struct {
	Path           string        `input:"trivy-path"`
	CacheDir       string        `input:"cache-dir"`
	DBRepositories []string      `input:"db-repository,comma"` // tried in turn
	SkipDBUpdate   bool          `input:"skip-db-update"`
	DBMaxAge       time.Duration `input:"db-max-age"` // DefaultDBMaxAge where 0
	Timeout        time.Duration `input:"timeout"`    // of one scan; DefaultTimeout where 0
}

// What holds where Config says nothing.
const (
	DefaultTimeout  = 5 * time.Minute
	DefaultDBMaxAge = 7 * 24 * time.Hour
)

// Options are what Open works with.
type Options struct {
	Config
	Select Selection
	// Registry has the logins that Trivy gets.
	Registry *registry.Client
	// Transport fetches Trivy where the machine has none.
	Transport http.RoundTripper
	// RetryFor bounds the time in which the database is asked for again;
	// transport.DefaultRetryFor where 0.
	RetryFor time.Duration
	// LookPath finds a program, as exec.LookPath does.
	LookPath func(string) (string, error)
	// Env is the environment. Trivy gets what leads to the network of it.
	Env []string
	// ToolCache keeps Trivy from run to run, and the database where there is no
	// CacheDir; TempDir where "". TempDir is for what only this run needs.
	ToolCache, TempDir string
	Log                *slog.Logger
	Now                func() time.Time
}

// Scanner runs Trivy. It is safe for concurrent use: scans need no lock on what
// they share.
type Scanner struct {
	Options
	program string
	dir     string // of this scanner alone, with 0700
	cache   string // Trivy's: db/ and java-db/
	scans   atomic.Int64

	database, java once
	lock           *os.File // on the cache, from the first scan on
}

// once does something at the first call only, and gives all others its result.
type once struct {
	sync.Once
	err error
}

func (o *once) do(f func() error) error {
	o.Do(func() { o.err = f() })
	return o.err
}

// Open finds Trivy, or fetches it. Whoever calls it calls Close.
func Open(ctx context.Context, o Options) (_ *Scanner, err error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.DBMaxAge == 0 {
		o.DBMaxAge = DefaultDBMaxAge
	}
	if len(o.DBRepositories) == 0 {
		o.DBRepositories = defaultDBs
	}
	dir, err := os.MkdirTemp(o.TempDir, "trivy-")
	if err != nil {
		return nil, fmt.Errorf("make a private directory: %w", err)
	}
	s := &Scanner{Options: o, dir: dir, cache: o.CacheDir}
	defer func() {
		if err != nil {
			_ = s.Close() // the error says more
		}
	}()
	if s.ToolCache == "" {
		s.ToolCache = o.TempDir
	}
	if s.cache == "" {
		s.cache = filepath.Join(s.ToolCache, "trivy")
	}
	// Trivy changes nothing outside of dir and cache, and works in dir.
	if s.cache, err = filepath.Abs(s.cache); err != nil {
		return nil, err
	}
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	s.program, err = s.find(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close removes all but the database. No scan must run any more.
func (s *Scanner) Close() error {
	err := os.RemoveAll(s.dir)
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Database makes the vulnerability database ready, once: it is fetched unless
// a fresh one is there. Scans call it by themselves.
func (s *Scanner) Database(ctx context.Context) error {
	return s.database.do(func() error { return s.prepareDatabase(ctx) })
}

// Image scans an image in its registry: the one that is pinned or, of an index,
// the one for platform.
func (s *Scanner) Image(ctx context.Context, p image.Pinned, platform image.Platform) (Report, error) {
	report, err := s.scan(ctx, []string{p.Repository.Host()}, "image", "--image-src", "remote", "--platform", platform.String(), p.String())
	if err != nil {
		return Report{}, fmt.Errorf("scan %s of %s: %w", platform, p, err)
	}
	return report, nil
}

// SBOM scans what a CycloneDX or SPDX document in JSON lists. No image is read.
func (s *Scanner) SBOM(ctx context.Context, path string) (Report, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Report{}, err
	}
	report, err := s.scan(ctx, nil, "sbom", absolute)
	if err != nil {
		return Report{}, fmt.Errorf("scan SBOM %q: %w", path, err)
	}
	return report, nil
}

// SBOMOf is SBOM for a document that describes p: the report names the image,
// as one of the image itself does, and not the document.
func (s *Scanner) SBOMOf(ctx context.Context, path string, p image.Pinned) (Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Report{}, err
	}
	// Trivy names what it scans as it is called: here a file, from where Trivy runs.
	// A document of somebody else's may name an image that leads out of there.
	if !filepath.IsLocal(p.String()) {
		return Report{}, fmt.Errorf("SBOM %q is about %q, which is no name of an image", path, p)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, filepath.Dir(p.String())), 0o700); err != nil {
		return Report{}, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, p.String()), text, 0o600); err != nil { //nolint:gosec // it stays in there
		return Report{}, err
	}
	report, err := s.scan(ctx, nil, "sbom", p.String())
	if err != nil {
		return Report{}, fmt.Errorf("scan SBOM %q: %w", path, err)
	}
	return report, nil
}

func (s *Scanner) scan(ctx context.Context, hosts []string, command string, target ...string) (Report, error) {
	if err := s.Database(ctx); err != nil {
		return Report{}, err
	}
	path := s.file("report-", ".json")
	arguments := []string{command, "--format", "json", "--output", path, "--list-all-pkgs", "--timeout", s.Timeout.String(),
		"--no-progress", "--skip-db-update", "--skip-java-db-update",
		// On disk, it would be locked by the first of several scans.
		"--cache-backend", "memory"}
	arguments = append(append(arguments, s.Select.arguments(command)...), target...)
	said, err := s.run(ctx, hosts, arguments...)
	if lacksJava(err) {
		if err := s.java.do(func() error { return s.prepareJava(ctx) }); err != nil {
			return Report{}, err
		}
		said, err = s.run(ctx, hosts, arguments...)
	}
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = os.Remove(path) }() // its directory goes with the scanner
	report, err := readReport(path)
	if err != nil {
		return Report{}, err
	}
	if report.OS != nil {
		report.OS.Unsupported = strings.Contains(said, "Unsupported os")
	}
	used, err := s.metadata(vulnerabilities)
	report.Database = used.UpdatedAt
	return report, err
}

// file returns a path that no other scan uses.
func (s *Scanner) file(prefix, suffix string) string {
	return filepath.Join(s.dir, prefix+strconv.FormatInt(s.scans.Add(1), 10)+suffix)
}
