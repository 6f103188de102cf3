package trivy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/transport"
)

// defaultDBs are where Trivy's makers publish the database.
//
// https://trivy.dev/v0.69/guide/configuration/db/
var defaultDBs = []string{"mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2"}

// prepareDatabase sees to it that there is a database of no great age.
func (s *Scanner) prepareDatabase(ctx context.Context) error {
	if !s.SkipDBUpdate {
		if err := s.retry(ctx, "vulnerability", s.updateDatabase); err != nil {
			return err
		}
	}
	updated, err := s.databaseTime()
	if errors.Is(err, fs.ErrNotExist) {
		return hint.Wrap(fmt.Errorf("there is no vulnerability database in %q", s.cache),
			"leave out \"skip-db-update\", or give the folder that has it as \"cache-dir\"")
	}
	if err != nil {
		return hint.Wrap(fmt.Errorf("the vulnerability database in %q is corrupt: %w", s.cache, err),
			"remove the folder; it is fetched anew where \"skip-db-update\" isn't set")
	}
	if age := s.Now().Sub(updated); age > s.DBMaxAge {
		return hint.Wrap(fmt.Errorf("the vulnerability database is of %s, older than %s", updated.Format(time.DateOnly), s.DBMaxAge),
			"leave out \"skip-db-update\", have your mirror follow its source, or allow that age with \"db-max-age\"")
	}
	if _, err := os.Stat(filepath.Join(s.cache, "java-db")); err == nil {
		return s.java.do(func() error { return s.prepareJava(ctx) })
	}
	return nil
}

// databaseTime returns when the database was made.
func (s *Scanner) databaseTime() (time.Time, error) {
	text, err := os.ReadFile(filepath.Join(s.cache, "db", "metadata.json"))
	if err != nil {
		return time.Time{}, err
	}
	var metadata struct{ UpdatedAt time.Time }
	if err := json.Unmarshal(text, &metadata); err != nil {
		return time.Time{}, fmt.Errorf("metadata.json: %w", err)
	}
	return metadata.UpdatedAt, nil
}

// updateDatabase asks the repositories in turn. Trivy itself asks the next one
// after some faults only.
func (s *Scanner) updateDatabase(ctx context.Context) error {
	var errs []error
	for _, repository := range s.DBRepositories {
		_, err := s.run(ctx, s.dbHosts(repository), "image", "--download-db-only", "--db-repository", repository, "--timeout", s.Timeout.String())
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
	if s.SkipDBUpdate {
		return nil
	}
	return s.retry(ctx, "Java", func(ctx context.Context) error {
		_, err := s.run(ctx, nil, "image", "--download-java-db-only", "--timeout", s.Timeout.String())
		return err
	})
}

// lacksJava reports whether a scan failed since it found Java archives and no
// database for them.
func lacksJava(err error) bool {
	return err != nil && strings.Contains(err.Error(), "--skip-java-db-update")
}

// lasting are refusals that no waiting mends.
var lasting = regexp.MustCompile(`UNAUTHORIZED|DENIED|MANIFEST_UNKNOWN|NAME_UNKNOWN|NAME_INVALID|\b40[0134]\b|unacceptable media type|could not parse reference|unknown authority`)

// retry fetches a database, and again while that may help: registries limit
// how often they are asked.
func (s *Scanner) retry(ctx context.Context, what string, fetch func(context.Context) error) error {
	bound := s.RetryFor
	if bound == 0 {
		bound = transport.DefaultRetryFor
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := fetch(ctx)
		if err != nil && lasting.MatchString(err.Error()) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(bound), backoff.WithNotify(func(err error, wait time.Duration) {
		s.Log.Info("asking for the database again", "database", what, "after", wait.Round(time.Millisecond), "cause", err)
	}))
	if err == nil || ctx.Err() != nil {
		return err
	}
	return hint.Wrap(fmt.Errorf("fetch the %s database: %w", what, err),
		"name a mirror of it with \"db-repository\", or keep \"cache-dir\" from run to run")
}
