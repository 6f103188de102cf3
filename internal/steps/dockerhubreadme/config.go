package dockerhubreadme

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

// Config is what a user says.
type Config struct {
	Provider         Provider       `input:"provider"`
	Username         string         `input:"username"`
	Password         secret.String  `input:"password"`
	Repositories     []Repository   `input:"repository,comma"`
	Images           []image.Pinned `input:"images"`
	ShortDescription string         `input:"short-description"`
	Categories       []Category     `input:"categories,comma"`
	Readme           string         `input:"readme-filepath"`
	Region           string         `input:"region"`
	CompleteURLs     bool           `input:"enable-url-completion"`
	ImageExtensions  Extensions     `input:"image-extensions"`
	DryRun           bool           `input:"dry-run"`
	APIURL           string         `input:"api-url"`
	RetryFor         time.Duration  `input:"retry-for"`
}

// Validate refuses one half of a login, no login for a repository that is
// named, repositories that the provider can't have, and what it can't show.
func (c Config) Validate() error {
	const mend = "add %q under \"with:\"; secrets are empty in runs for pull requests from forks"
	var errs []error
	switch {
	case c.Password.IsZero() && !c.DryRun && (c.Username != "" || len(c.Repositories) > 0):
		errs = append(errs, hint.New(`input "password" is missing`, mend, "password: …"))
	case c.Username == "" && c.Provider != Quay && !c.Password.IsZero():
		errs = append(errs, hint.New(`input "username" is missing`, mend, "username: …"))
	}
	if c.Provider == Harbor && len(c.Repositories) == 0 && c.APIURL == "" {
		errs = append(errs, hint.New(`inputs "repository" and "api-url" are missing`, "say which Harbor it is: \"api-url: https://harbor.example.com\""))
	}
	if len(c.Categories) > 0 && !c.Provider.site().short {
		errs = append(errs, hint.New(fmt.Sprintf(`input "categories": %s has none`, c.Provider.site().title), "leave the input out"))
	}
	if len(c.Categories) > dockerhub.MaxCategories {
		errs = append(errs, hint.New(fmt.Sprintf(`input "categories": there are %d`, len(c.Categories)), "choose %d at most", dockerhub.MaxCategories))
	}
	repositories, err := c.named()
	if err != nil {
		errs = append(errs, fmt.Errorf("input \"repository\": %w", err))
	}
	for _, r := range repositories[min(1, len(repositories)):] {
		if r.Host() != repositories[0].Host() {
			errs = append(errs, hint.New(fmt.Sprintf("input \"repository\": %s and %s are not on one host", repositories[0], r),
				"use the action once for each: they have different logins"))
			break
		}
	}
	return errors.Join(errs...)
}

// named are the repositories of the input, with their hosts.
func (c Config) named() ([]image.Repository, error) {
	var all []image.Repository
	var errs []error
	for _, r := range c.Repositories {
		resolved, err := c.Provider.resolve(r)
		all, errs = append(all, resolved), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// repositories are those that are named, else those of the images that are on
// the provider's host.
func (c Config) repositories() ([]image.Repository, error) {
	if len(c.Repositories) > 0 {
		return c.named()
	}
	host := c.Provider.site().host
	if u, err := url.Parse(c.APIURL); err == nil && c.APIURL != "" && c.Provider != DockerHub {
		host = u.Host
	}
	var all []image.Repository
	for _, r := range image.Repositories(c.Images) {
		if r.Host() == host {
			all = append(all, r)
		}
	}
	return all, nil
}

// Repository is a repository as it is written: its host may be left out.
type Repository struct {
	image.Repository
	text string
	bare bool // without a host
}

// UnmarshalText parses "[host/]namespace/name"; upper case becomes lower.
func (r *Repository) UnmarshalText(text []byte) error {
	lower := strings.ToLower(string(text))
	parsed, err := image.ParseRepository(lower)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(lower, "/")
	*r = Repository{parsed, string(text), !strings.ContainsAny(first, ".:") && first != "localhost"}
	if !strings.Contains(lower, "/") || !strings.Contains(parsed.Path(), "/") {
		return hint.Wrap(fmt.Errorf("repository %q is not namespace/name", text), "write it as in \"acme/app\"")
	}
	return nil
}

var slugGrammar = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Category is the slug of a category of Docker Hub.
type Category string

// UnmarshalText takes a slug or a name: "Machine learning & AI" is
// machine-learning-and-ai. Docker Hub knows which there are.
func (c *Category) UnmarshalText(text []byte) error {
	slug := strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(string(text)), "&", " and ")), "-")
	if !slugGrammar.MatchString(slug) {
		return hint.Wrap(fmt.Errorf("category %q is no name of letters, digits and -", text), "write it as in \"developer-tools\"")
	}
	*c = Category(slug)
	return nil
}
