// Package dockerhubreadme shows a README as the description of repositories on
// Docker Hub, Quay or Harbor: the part that is for them, its relative links
// completed, cut to the length that they take, and sent only where it differs
// from what is there.
package dockerhubreadme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/parallel"
)

// Deps are the services of the step.
type Deps struct {
	Pages Pages
	Job   job.Job // in whose checkout the text is
	Log   *slog.Logger
	// Out is where a dry run prints what would change.
	Out io.Writer
}

// Result is what the step tells.
type Result struct {
	// URLs are the addresses of the pages that show the text now.
	URLs []string `output:"urls"`
	// Changed are those of them that did not show it before; of a dry run, that
	// would be changed.
	Changed []string `output:"changed"`
	rows    []row
	title   string
}

// row is what was done to a page.
type row struct{ repository, url, done, diff string }

// What is done to a page.
const (
	unchanged = "unchanged"
	updated   = "updated"
	differs   = "would be updated"
)

// Run sets the descriptions, several at once.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	result := Result{title: cfg.Provider.site().title}
	repositories, err := cfg.repositories()
	switch {
	case err != nil:
		return result, err
	case len(repositories) == 0:
		d.Log.Info("nothing to do: no image is on " + result.title)
		return result, nil
	case cfg.Password.IsZero() && !cfg.DryRun:
		d.Log.Warn(result.title+"'s description stays as it is: there is no username and password", "repositories", fmt.Sprint(repositories))
		return result, nil
	}
	want, err := cfg.page(d)
	if err != nil {
		return result, err
	}
	rows := make([]row, len(repositories))
	work := func(n int, r image.Repository) (err error) {
		rows[n], err = cfg.update(ctx, d.Pages, r, want)
		return err
	}
	// The first logs in, and finds out for all of them what the login is good for.
	err = work(0, repositories[0])
	if !errors.Is(err, dockerhub.ErrLogin) {
		err = errors.Join(err, parallel.Each(repositories[1:], func(n int, r image.Repository) error { return work(n+1, r) }))
	}
	return result.with(rows, d), err
}

// update makes a page show what is wanted, where it doesn't.
func (c Config) update(ctx context.Context, pages Pages, r image.Repository, want dockerhub.Page) (row, error) {
	have, err := pages.Page(ctx, r)
	if err != nil {
		return row{}, err
	}
	done := row{repository: r.String(), url: c.Provider.page(r), done: unchanged}
	texts, categories := sameText(have, want), sameCategories(have, want)
	switch {
	case texts && categories:
		return done, nil
	case c.DryRun:
		done.done, done.diff = differs, diff(r.String(), have, want)
		return done, nil
	}
	done.done = updated
	if !texts {
		if err := pages.SetPage(ctx, r, want); err != nil {
			return row{}, err
		}
	}
	if !categories {
		if err := pages.SetCategories(ctx, r, slugs(want)); err != nil {
			return row{}, err
		}
	}
	return done, nil
}

// with tells what was done, in the order of the repositories.
func (r Result) with(rows []row, d Deps) Result {
	for _, row := range rows {
		if row.repository == "" { // it failed
			continue
		}
		d.Log.Info("description "+row.done, "repository", row.repository)
		if row.diff != "" {
			_, _ = io.WriteString(d.Out, row.diff) // the job's page shows it as well
		}
		r.rows = append(r.rows, row)
		if row.done != differs {
			r.URLs = append(r.URLs, row.url)
		}
		if row.done != unchanged {
			r.Changed = append(r.Changed, row.url)
		}
	}
	// Harbor has one address for all.
	r.URLs, r.Changed = slices.Compact(r.URLs), slices.Compact(r.Changed)
	return r
}

// Summary returns a table for the job's page, and what a dry run would change.
func (r Result) Summary() string {
	if len(r.rows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## " + r.title + "\n\n| repository | description |\n|---|---|\n")
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| [%s](%s) | %s |\n", row.repository, row.url, row.done)
	}
	for _, row := range r.rows {
		if row.diff != "" {
			fence := fence(row.diff)
			fmt.Fprintf(&b, "\n%sdiff\n%s%s\n", fence, row.diff, fence)
		}
	}
	return b.String()
}

// fence returns more backticks than text has in a row.
func fence(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}
