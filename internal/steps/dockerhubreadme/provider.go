package dockerhubreadme

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/harbor"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/quay"
)

// Provider is whose pages are set.
type Provider int

// The providers. Harbor 1 has another API.
const (
	DockerHub Provider = iota
	Quay
	Harbor
)

// site is what there is to know of a provider.
type site struct {
	name  string // in the input
	title string
	host  string // of a repository without one; "" if there is none
	max   int    // bytes of the text; 0 is no limit
	short bool   // whether a page has a short description and categories
}

var sites = []site{
	DockerHub: {"dockerhub", "Docker Hub", image.DockerHub, dockerhub.MaxFullDescription, true},
	Quay:      {"quay", "Quay", "quay.io", 0, false},
	Harbor:    {"harbor2", "Harbor", "", 0, false},
}

func (p Provider) site() site { return sites[p] }

// UnmarshalText takes one of the three names.
func (p *Provider) UnmarshalText(text []byte) error {
	i := slices.IndexFunc(sites, func(s site) bool { return s.name == string(text) })
	if i < 0 {
		return hint.Wrap(fmt.Errorf("provider %q is not known", text), "write \"dockerhub\", \"quay\" or \"harbor2\"")
	}
	*p = Provider(i)
	return nil
}

// resolve gives a repository its host, if it can be one of the provider's.
func (p Provider) resolve(r Repository) (image.Repository, error) {
	switch {
	case p == Harbor && (r.bare || r.Host() == image.DockerHub):
		return r.Repository, hint.New(fmt.Sprintf("repository %q does not say on which Harbor it is", r.text), "write it as in \"harbor.example.com/project/app\"")
	case p == Quay && r.bare:
		return image.ParseRepository(p.site().host + "/" + r.Path())
	case p == Quay && r.Host() == image.DockerHub:
		return r.Repository, hint.New(fmt.Sprintf("repository %q is not on Quay but on Docker Hub", r.text), "write namespace/name, or leave \"provider\" out")
	case p == DockerHub && r.Host() != image.DockerHub:
		return r.Repository, hint.New(fmt.Sprintf("repository %q is not on Docker Hub but on %s", r.text, r.Host()), "write namespace/name, or set \"provider\"")
	case p == DockerHub && strings.Count(r.Path(), "/") != 1:
		return r.Repository, hint.New(fmt.Sprintf("repository %q is not namespace/name", r.text), "write it as in \"acme/app\"")
	}
	return r.Repository, nil
}

// page is the address at which people read about a repository.
func (p Provider) page(r image.Repository) string {
	switch p {
	case Quay:
		return "https://" + r.Host() + "/repository/" + r.Path()
	case Harbor:
		// Harbor's own has the project's number in it.
		return "https://" + r.Host() + "/harbor/projects"
	}
	return "https://hub.docker.com/r/" + r.Path()
}

// Pages reads and sets what a registry shows of its repositories.
type Pages interface {
	Page(ctx context.Context, r image.Repository) (dockerhub.Page, error)
	SetPage(ctx context.Context, r image.Repository, p dockerhub.Page) error
	SetCategories(ctx context.Context, r image.Repository, slugs []string) error
}

// Open returns the pages that cfg is about; no request is made.
func Open(cfg Config, transport http.RoundTripper) (Pages, error) {
	address := cfg.APIURL
	if address == "" {
		address = "https://" + cfg.Provider.site().host
		if named, err := cfg.named(); err == nil && len(named) > 0 {
			address = "https://" + named[0].Host()
		}
	}
	if cfg.Password.IsZero() { // of a dry run
		cfg.Username = ""
	}
	switch cfg.Provider {
	case Quay:
		client, err := quay.New(address, cfg.Password, transport)
		return described{client}, err
	case Harbor:
		client, err := harbor.New(address, cfg.Username, cfg.Password, transport)
		return described{client}, err
	}
	return dockerhub.New(dockerhub.Options{URL: cfg.APIURL, Username: cfg.Username, Password: cfg.Password, Transport: transport})
}

// described are pages of which a text is all.
type described struct {
	client interface {
		Description(ctx context.Context, r image.Repository) (string, error)
		SetDescription(ctx context.Context, r image.Repository, text string) error
	}
}

func (d described) Page(ctx context.Context, r image.Repository) (dockerhub.Page, error) {
	text, err := d.client.Description(ctx, r)
	return dockerhub.Page{FullDescription: text}, err
}

func (d described) SetPage(ctx context.Context, r image.Repository, p dockerhub.Page) error {
	return d.client.SetDescription(ctx, r, p.FullDescription)
}

// SetCategories is never called: Config.Validate refuses categories.
func (described) SetCategories(context.Context, image.Repository, []string) error { return nil }
