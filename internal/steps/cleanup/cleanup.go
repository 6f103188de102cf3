package cleanup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/outdir"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/retention"
)

// Deps are what the step works with.
type Deps struct {
	Backend Backend
	// TempDir is where the documents go without an output directory.
	TempDir string
	Now     func() time.Time
	Log     *slog.Logger
	Out     io.Writer // takes the plan
}

// Files in the output directory.
const (
	planFile    = "plan.json"
	journalFile = "journal.jsonl"
)

// Dir returns the output directory.
func (c Config) Dir(tempDir string) string {
	return cmp.Or(c.OutputDir, filepath.Join(tempDir, "cleanup"))
}

// CacheDir returns where manifests are kept for the next run, which may have the
// output directory again.
func (c Config) CacheDir(tempDir string) string { return filepath.Join(c.Dir(tempDir), "manifests") }

// Run plans, shows the plan, and removes what it says unless it is a dry run. A
// run that was interrupted is finished by the next one that has its journal.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	dir := cfg.Dir(d.TempDir)
	if err := outdir.Make("output-dir", dir); err != nil {
		return Result{}, err
	}
	if cfg.Restore != "" {
		return restore(ctx, cfg, d)
	}
	begun, err := readJournal(filepath.Join(dir, journalFile))
	if err != nil {
		return Result{}, err
	}
	result := Result{Plan: filepath.Join(dir, planFile), document: Document{Time: d.Now().UTC(), DryRun: cfg.DryRun, Policy: cfg.policy()}}
	if err := plan(ctx, cfg, d, begun, &result.document); err != nil {
		return Result{}, err
	}
	if err := errors.Join(result.document.print(d.Out), result.document.write(result.Plan)); err != nil {
		return result, err
	}
	warnOfUnreadable(d.Log, result.document)
	refusal := result.document.check(cfg.MaxDelete)
	if cfg.DryRun {
		if refusal != nil {
			d.Log.Warn("this run would be refused: " + refusal.Error())
		}
		d.Log.Warn(`this was a dry run, and nothing was removed: give "dry-run: false" to remove what the plan says`)
		result.count()
		return result, nil
	}
	if refusal != nil {
		return result, refusal
	}
	j, err := newJournal(filepath.Join(dir, journalFile), result.document, begun)
	if err != nil {
		return result, err
	}
	err = remove(ctx, d, j, &result.document)
	result.count()
	return result, errors.Join(err, j.Close(), result.document.write(result.Plan))
}

// plan takes stock of all repositories at once and decides on each.
func plan(ctx context.Context, cfg Config, d Deps, begun map[image.Repository][]image.Digest, into *Document) error {
	repositories, err := expand(ctx, cfg.Images, d.Backend)
	if err != nil {
		return err
	}
	into.Repositories = make([]*Repository, len(repositories))
	return parallel.Each(repositories, func(n int, r image.Repository) error {
		inventory, err := d.Backend.List(ctx, r)
		if err != nil {
			return err
		}
		p, err := retention.New(inventory, into.Policy, begun[r], into.Time)
		if err != nil {
			return err
		}
		p.Weigh(d.Backend.Blobs(ctx, r, p.Unweighed()))
		into.Repositories[n] = newRepository(p)
		return nil
	})
}

// expand returns the repositories that patterns name, each once.
func expand(ctx context.Context, patterns []Pattern, b Backend) ([]image.Repository, error) {
	found := make([][]image.Repository, len(patterns))
	err := parallel.Each(patterns, func(n int, p Pattern) (err error) {
		if r, one := p.repository(); one {
			found[n] = []image.Repository{r}
			return nil
		}
		found[n], err = b.Repositories(ctx, string(p))
		return err
	})
	var all []image.Repository
	for _, r := range slices.Concat(found...) {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all, err
}

// check refuses to remove more than the limit from any repository.
func (d Document) check(limit retention.Limit) error {
	var errs []error
	for _, p := range d.Repositories {
		if going, all := len(p.Deletions()), len(p.Decisions); going > limit.Of(all) {
			errs = append(errs, hint.Wrap(fmt.Errorf("%s: %d of %d versions would go, and \"max-delete\" allows %d", p.Of, going, all, limit.Of(all)),
				"look at the plan, and raise \"max-delete\" (%s) for this run if it is what you mean", limit))
		}
	}
	return errors.Join(errs...)
}

// warnOfUnreadable says why less goes than was meant.
func warnOfUnreadable(log *slog.Logger, d Document) {
	for _, p := range d.Repositories {
		unreadable := slices.DeleteFunc(slices.Clone(p.Decisions), func(v retention.Decision) bool { return v.Unreadable == "" })
		if len(unreadable) > 0 {
			first := unreadable[0]
			log.Warn("what can't be read stays, with all that it may need", "repository", p.Of, "versions", len(unreadable), "first", first.Digest, "why", first.Unreadable)
		}
	}
}
