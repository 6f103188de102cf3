package trivy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// defaultDBs are where Trivy's makers publish the database.
//
// https://trivy.dev/v0.69/guide/configuration/db/
var defaultDBs = []string{"mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2"}

// lockPause is the wait between two looks at who holds the cache.
const lockPause = 100 * time.Millisecond

// prepareDatabase sees to it that there is a database of no great age, and that
// nobody changes it while this scanner is open.
func (s *Scanner) prepareDatabase(ctx context.Context) error {
	if err := s.lockCache(ctx, syscall.LOCK_SH); err != nil {
		return err
	}
	if found, err := s.metadata(vulnerabilities); !s.SkipDBUpdate && (err != nil || !found.fresh(s.Now())) {
		if err := s.lockCache(ctx, syscall.LOCK_EX); err != nil {
			return err
		}
		if err := s.fetchDatabase(ctx, "vulnerability", s.updateDatabase); err != nil {
			return err
		}
		if err := s.lockCache(ctx, syscall.LOCK_SH); err != nil {
			return err
		}
	}
	found, err := s.metadata(vulnerabilities)
	if errors.Is(err, fs.ErrNotExist) {
		return hint.Wrap(fmt.Errorf("there is no vulnerability database in %q", s.cache),
			"leave out \"skip-db-update\", or give the folder that has it as \"cache-dir\"")
	}
	if err != nil {
		return hint.Wrap(fmt.Errorf("the vulnerability database in %q is corrupt: %w", s.cache, err),
			"remove the folder; it is fetched anew where \"skip-db-update\" isn't set")
	}
	if age := s.Now().Sub(found.UpdatedAt); age > s.DBMaxAge {
		return hint.Wrap(fmt.Errorf("the vulnerability database is of %s, older than %s", found.UpdatedAt.Format(time.DateOnly), s.DBMaxAge),
			"leave out \"skip-db-update\", have your mirror follow its source, or allow that age with \"db-max-age\"")
	}
	if _, err := os.Stat(filepath.Join(s.cache, javaArchives.dir)); err == nil {
		return s.java.do(func() error { return s.prepareJava(ctx) })
	}
	return nil
}

// database is where Trivy keeps one in its cache.
type database struct{ dir, file string }

var (
	vulnerabilities = database{"db", "trivy.db"}
	javaArchives    = database{"java-db", "trivy-java.db"}
)

// metadata says when a database was made, and when it was and should be fetched.
//
// https://github.com/aquasecurity/trivy-db/blob/main/pkg/metadata/metadata.go
type metadata struct{ UpdatedAt, NextUpdate, DownloadedAt time.Time }

// fresh reports whether Trivy would not fetch another one.
func (m metadata) fresh(now time.Time) bool {
	return now.Before(m.NextUpdate) && !m.DownloadedAt.IsZero()
}

func (s *Scanner) metadata(of database) (m metadata, err error) {
	if _, err := os.Stat(filepath.Join(s.cache, of.dir, of.file)); err != nil {
		return m, err
	}
	text, err := os.ReadFile(filepath.Join(s.cache, of.dir, "metadata.json"))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("metadata.json: %w", err)
	}
	return m, nil
}

// lockCache locks the cache with others that read it, or alone to change it, and
// waits for those that don't let it. A cache that can't be changed needs no lock.
func (s *Scanner) lockCache(ctx context.Context, how int) error {
	if s.lock == nil {
		file, err := openLock(s.cache)
		if err != nil && how == syscall.LOCK_SH {
			return nil
		}
		if err != nil {
			return hint.Wrap(fmt.Errorf("input \"cache-dir\": %w", err),
				"give a folder that can be written to, or keep a database of today in it, or set \"skip-db-update\"")
		}
		s.lock = file
	}
	for {
		err := syscall.Flock(int(s.lock.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

func openLock(cache string) (*os.File, error) {
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}

// updateDatabase asks the repositories in turn. Trivy itself asks the next one
// after some faults only.
func (s *Scanner) updateDatabase(ctx context.Context) error {
	var errs []error
	for _, repository := range s.DBRepositories {
		_, err := s.run(ctx, s.dbHosts(repository), "image", "--no-progress", "--download-db-only", "--db-repository", repository, "--timeout", s.Timeout.String())
		if err == nil || ctx.Err() != nil {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", repository, err))
	}
	return errors.Join(errs...)
}

// dbHosts are whose logins Trivy gets to fetch a database. The public ones
// need none, and a token without access would do harm.
func (s *Scanner) dbHosts(repository string) []string {
	for _, public := range defaultDBs {
		if repository == public {
			return nil
		}
	}
	host, _, _ := strings.Cut(repository, "/")
	return []string{image.CanonicalHost(host)}
}

// prepareJava fetches the database that tells Java archives apart, which only
// images with some need. Where there is a fresh one, nothing is fetched.
func (s *Scanner) prepareJava(ctx context.Context) error {
	if found, err := s.metadata(javaArchives); s.SkipDBUpdate || err == nil && found.fresh(s.Now()) {
		return nil
	}
	return s.fetchDatabase(ctx, "Java", func(ctx context.Context) error {
		_, err := s.run(ctx, nil, "image", "--no-progress", "--download-java-db-only", "--timeout", s.Timeout.String())
		return err
	})
}

// lacksJava reports whether a scan failed since it found Java archives and no
// database for them.
func lacksJava(err error) bool {
	return err != nil && strings.Contains(err.Error(), "--skip-java-db-update")
}

// fetchDatabase does so again while that may help: registries limit how often
// they are asked.
func (s *Scanner) fetchDatabase(ctx context.Context, kind string, fetch func(context.Context) error) error {
	err := s.retry(ctx, "the "+kind+" database", fetch)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return hint.Wrap(fmt.Errorf("fetch the %s database: %w", kind, err),
		"name a mirror of it with \"db-repository\", or keep \"cache-dir\" from run to run")
}
