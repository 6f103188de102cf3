// Package dockerhubreadme shows a README as the description of repositories on
// Docker Hub: its relative links completed, cut to the length that Docker Hub
// takes, and sent only where it differs from what is there.
package dockerhubreadme

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/secret"
)

// Config is what a user says.
type Config struct {
	Username         string         `input:"username"`
	Password         secret.String  `input:"password"`
	Repository       Repository     `input:"repository"`
	Images           []image.Pinned `input:"images"`
	ShortDescription string         `input:"short-description"`
	Readme           string         `input:"readme-filepath"`
	CompleteURLs     bool           `input:"enable-url-completion"`
	ImageExtensions  Extensions     `input:"image-extensions"`
	HubURL           string         `input:"hub-url"`
	RetryFor         time.Duration  `input:"retry-for"`
}

// Validate refuses one half of a login, and no login for a repository that is
// named.
func (c Config) Validate() error {
	const mend = "add %q under \"with:\"; secrets are empty in runs for pull requests from forks"
	switch {
	case c.Password.IsZero() && (c.Username != "" || !c.Repository.IsZero()):
		return hint.Wrap(errors.New(`input "password" is missing`), mend, "password: …")
	case c.Username == "" && !c.Password.IsZero():
		return hint.Wrap(errors.New(`input "username" is missing`), mend, "username: …")
	}
	return nil
}

// Repository is a repository of Docker Hub, written with its host or without.
type Repository struct{ image.Repository }

// UnmarshalText parses "[docker.io/]namespace/name"; upper case becomes lower.
func (r *Repository) UnmarshalText(text []byte) error {
	parsed, err := image.ParseRepository(strings.ToLower(string(text)))
	switch {
	case err != nil:
		return err
	case parsed.Host() != image.DockerHub:
		return hint.Wrap(fmt.Errorf("repository %q is not on Docker Hub but on %s", text, parsed.Host()), "write namespace/name")
	case strings.Count(parsed.Path(), "/") != 1 || !strings.Contains(string(text), "/"):
		return hint.Wrap(fmt.Errorf("repository %q is not namespace/name", text), "write it as in \"acme/app\"")
	}
	r.Repository = parsed
	return nil
}

// Deps are the services of the step.
type Deps struct {
	Hub    *dockerhub.Client
	Source Source
	Log    *slog.Logger
}

// Result is what the step tells.
type Result struct {
	// URLs are the addresses of the pages that show the text now.
	URLs []string `output:"urls"`
	rows []row
}

type row struct{ repository, url, done string }

// Run sets the descriptions.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	repositories := cfg.repositories()
	switch {
	case len(repositories) == 0:
		d.Log.Info("nothing to do: no image is on Docker Hub")
		return Result{}, nil
	case cfg.Username == "":
		d.Log.Warn("Docker Hub's description stays as it is: there is no username and password", "repositories", fmt.Sprint(repositories))
		return Result{}, nil
	}
	page, err := cfg.page(d)
	if err != nil {
		return Result{}, err
	}
	var result Result
	for _, r := range repositories {
		done, err := update(ctx, d.Hub, r, page)
		if err != nil {
			return result, err
		}
		url := "https://hub.docker.com/r/" + r.Path()
		d.Log.Info("description "+done, "repository", r.String())
		result.URLs = append(result.URLs, url)
		result.rows = append(result.rows, row{r.String(), url, done})
	}
	return result, nil
}

// repositories are the one that is named, else those of the images that are
// on Docker Hub.
func (c Config) repositories() []image.Repository {
	if !c.Repository.IsZero() {
		return []image.Repository{c.Repository.Repository}
	}
	return slices.DeleteFunc(image.Repositories(c.Images), func(r image.Repository) bool { return r.Host() != image.DockerHub })
}

// page makes the texts, each within its limit.
func (c Config) page(d Deps) (dockerhub.Page, error) {
	file := c.Readme
	if !filepath.IsAbs(file) {
		file = filepath.Join(d.Source.Workspace, file)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return dockerhub.Page{}, hint.Wrap(fmt.Errorf("input \"readme-filepath\": %w", err),
			"name a file of the checkout; actions/checkout must have run before")
	}
	text := strings.ToValidUTF8(string(content), "\uFFFD")
	if c.CompleteURLs {
		if !d.Source.known() {
			return dockerhub.Page{}, hint.New("links can't be completed: the repository on GitHub isn't known",
				"set \"enable-url-completion: false\" outside of GitHub Actions")
		}
		text = d.Source.complete(text, c.Readme, c.ImageExtensions)
	}
	page := dockerhub.Page{FullDescription: markdown.Cut(text, dockerhub.MaxFullDescription, measure, c.note(d.Source))}
	if page.FullDescription != text {
		d.Log.Warn("the text is cut to what Docker Hub takes", "file", c.Readme, "bytes", len(text), "limit", dockerhub.MaxFullDescription)
	}
	if c.ShortDescription != "" {
		short := markdown.Prefix(c.ShortDescription, dockerhub.MaxDescription, measure)
		if short != c.ShortDescription {
			d.Log.Warn("the short description is cut to what Docker Hub takes", "bytes", len(c.ShortDescription), "limit", dockerhub.MaxDescription)
		}
		page.Description = &short
	}
	return page, nil
}

// measure counts bytes, as Docker Hub does.
func measure(s string) int { return len(s) }

// note stands below a text that was cut.
func (c Config) note(s Source) string {
	note := "*Docker Hub shows 25,000 bytes of this text"
	if s.known() {
		return note + "; [all of it is on GitHub](" + s.url("blob", s.inRepository(c.Readme)) + ").*"
	}
	return note + ".*"
}

// update sets a page where it differs, and says what it did.
func update(ctx context.Context, hub *dockerhub.Client, r image.Repository, want dockerhub.Page) (string, error) {
	have, err := hub.Page(ctx, r)
	if err != nil {
		return "", err
	}
	if have.FullDescription == want.FullDescription && (want.Description == nil || have.Description != nil && *have.Description == *want.Description) {
		return "unchanged", nil
	}
	return "updated", hub.SetPage(ctx, r, want)
}

// Summary returns a table for the job's page.
func (r Result) Summary() string {
	if len(r.rows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Docker Hub\n\n| repository | description |\n|---|---|\n")
	for _, row := range r.rows {
		fmt.Fprintf(&b, "| [%s](%s) | %s |\n", row.repository, row.url, row.done)
	}
	return b.String()
}
