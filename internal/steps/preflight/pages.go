package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/webapi"
)

// pages are Docker Hub's, which come last in a release.
func (p *plan) pages() []check {
	if !p.DockerHubReadme || p.Hub == nil {
		return nil
	}
	var all []check
	for _, repo := range p.Images {
		if repo.Host() == image.DockerHub {
			all = append(all, check{name: fmt.Sprintf("the page of %q", repo), find: func(ctx context.Context) error { return mayAdmin(p.Hub.CheckAdmin(ctx, repo)) }})
		}
	}
	if len(all) > 0 {
		all = append(all, check{name: "the text of Docker Hub's page", find: func(context.Context) error { return p.checkReadme() }})
	}
	return all
}

// mayAdmin makes of what Docker Hub says whether the token may set a page, or
// that it says neither. A repository that isn't there is made by the first push,
// and something in front of Docker Hub may take a text for an attack.
func mayAdmin(err error) error {
	switch {
	case errors.Is(err, webapi.ErrNotFound):
		return nil
	case errors.Is(err, webapi.ErrFirewall):
		return undecided{err}
	case err == nil, errors.Is(err, webapi.ErrForbidden), errors.Is(err, webapi.ErrUnauthorized):
		return err
	}
	return undecided{err}
}

func (p *plan) checkReadme() error {
	file := p.Readme
	if !filepath.IsAbs(file) {
		file = filepath.Join(p.Job.Workspace, file)
	}
	if info, err := os.Stat(file); err != nil || info.IsDir() {
		return hint.Wrap(fmt.Errorf("input \"readme-filepath\": there is no file %q", p.Readme), "name the file that Docker Hub's page is to show, from the root of the repository")
	}
	return nil
}
