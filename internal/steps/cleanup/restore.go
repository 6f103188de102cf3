package cleanup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/org/release-actions/internal/hint"
)

// restorable is how long GHCR keeps what was deleted.
//
// https://docs.github.com/packages/learn-github-packages/deleting-and-restoring-a-package
const restorable = 30 * 24 * time.Hour

// restore brings back what a run has removed, the last removed first: parts
// before their index, and signatures before their image.
func restore(ctx context.Context, cfg Config, d Deps) (Result, error) {
	document, err := readDocument(cfg.Restore, d.Now())
	if err != nil {
		return Result{}, err
	}
	result := Result{Plan: cfg.Restore, restoring: true, document: document}
	result.document.DryRun = cfg.DryRun
	var errs []error
	for _, p := range slices.Backward(document.Repositories) {
		n, err := restoreIn(ctx, p, cfg.DryRun, d)
		result.Restored += n
		errs = append(errs, err)
		if err != nil && !errors.Is(err, ErrNoRestore) { // where one registry can't, another can
			break
		}
	}
	if cfg.DryRun {
		d.Log.Warn(`this was a dry run, and nothing was restored: give "dry-run: false" to restore it`)
	}
	return result, errors.Join(errs...)
}

// restoreIn restores versions of one repository, and returns how many.
func restoreIn(ctx context.Context, p *Repository, dryRun bool, d Deps) (restored int, err error) {
	for _, v := range slices.Backward(p.Deletions()) {
		if p.Outcomes[v.Digest].Spared != "" {
			continue
		}
		what := p.Of.Pin(v.Digest)
		if !dryRun {
			err = d.Backend.Restore(ctx, p.Of, v.Version)
		}
		if errors.Is(err, ErrNoRestore) {
			return restored, fmt.Errorf("restore versions of %q: %w", p.Of, err)
		}
		if err != nil {
			return restored, hint.Wrap(fmt.Errorf("restore %q: %w", what, err), "run it again: what is back is found")
		}
		restored++
		if _, err := fmt.Fprintf(d.Out, "restore %s %s\n", what, label(v)); err != nil {
			return restored, err
		}
	}
	return restored, nil
}

const documentMend = `give the "plan.json" that the run has written to its output directory`

func readDocument(path string, now time.Time) (Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Document{}, hint.Wrap(fmt.Errorf(`input "restore": %w`, err), documentMend)
	}
	document, err := parseDocument(text)
	if err == nil && now.Sub(document.Time) > restorable {
		err = fmt.Errorf("it is of %s, and what was deleted is kept for 30 days", document.Time.Format(time.DateOnly))
	}
	if err != nil {
		return Document{}, fmt.Errorf("input \"restore\": %q: %w", path, err)
	}
	return document, nil
}

func parseDocument(text []byte) (Document, error) {
	var document Document
	if err := json.Unmarshal(text, &document); err != nil {
		return Document{}, hint.Wrap(err, documentMend)
	}
	switch {
	case document.Time.IsZero() || len(document.Repositories) == 0 || slices.Contains(document.Repositories, nil):
		return Document{}, hint.Wrap(errors.New("it is no document of a run"), documentMend)
	case document.DryRun:
		return Document{}, hint.Wrap(errors.New("it is of a dry run, which has removed nothing"), documentMend)
	}
	for _, p := range document.Repositories {
		for _, v := range p.Decisions {
			if p.Of.IsZero() || v.Digest == "" {
				return Document{}, hint.Wrap(errors.New("a version in it has no repository or digest"), documentMend)
			}
		}
	}
	return document, nil
}
