package standin

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/devstack/standin/dockerhub"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/issuer"
	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// world routes a request by the name it is for.
type world struct {
	hosts  map[string]http.Handler
	tokens http.Handler
}

func newWorld(o Options, undescribed *complaints) (*world, error) {
	c := o.Credentials
	owner, _, _ := strings.Cut(o.Repository, "/")
	accounts := registry.Accounts{
		{User: c.DockerHubUser, Token: c.DockerHubToken, Access: registry.Admin, Namespaces: []string{owner}},
		{User: c.DockerHubUser, Token: c.DockerHubWriteToken, Access: registry.ReadWrite, Namespaces: []string{owner}},
		{User: c.DockerHubUser, Token: c.DockerHubReadToken, Access: registry.ReadOnly, Namespaces: []string{owner}},
		{User: c.SeedUser, Token: c.SeedToken, Access: registry.Admin, Namespaces: []string{"library", "docker", "moby", "tonistiigi"}},
	}
	hub := registry.NewHub(registry.HubOptions{Accounts: accounts})
	api := dockerhub.New(dockerhub.Options{Accounts: accounts, Store: hub.Store()})
	var judge github.Judge
	if o.GitHubDescription != "" {
		var err error
		if judge, err = github.NewJudge(o.GitHubDescription, undescribed.add); err != nil {
			return nil, err
		}
	}
	gh, err := github.New(github.Options{
		Repository: o.Repository, Commit: o.Commit, ImmutableReleases: o.ImmutableReleases, Judge: judge,
		Tokens: []github.Token{{Value: c.GitHubToken, Write: true}, {Value: c.GitHubReadToken}},
	})
	if err != nil {
		return nil, err
	}
	claims := map[string]string{"repository": o.Repository, "sha": o.Commit}
	maps.Copy(claims, o.Claims)
	oidc, err := issuer.New(issuer.Options{Claims: claims, RequestToken: c.IDTokenRequestToken})
	if err != nil {
		return nil, err
	}
	w := &world{tokens: oidc.Tokens(), hosts: map[string]http.Handler{
		"docker.io":            http.RedirectHandler("https://www.docker.com/", http.StatusMovedPermanently),
		"index.docker.io":      hub.Registry(),
		"registry-1.docker.io": hub.Registry(),
		"auth.docker.io":       hub.Auth(),
		dockerhub.Host:         api.API(),
		github.APIHost:         gh.API(),
		github.UploadsHost:     gh.Uploads(),
		github.WebHost:         gh.Web(),
		github.FilesHost:       gh.Files(),
		github.BundlesHost:     gh.Bundles(),
		issuer.Host:            oidc.Discovery(),
	}}
	if o.GHCRBackend != "" {
		w.hosts["ghcr.io"], err = registry.NewGHCR(registry.GHCROptions{
			Backend: o.GHCRBackend, Owner: owner, Public: "aquasecurity", Token: c.GitHubToken, ReadToken: c.GitHubReadToken, Log: o.Log,
		})
		if err != nil {
			return nil, err
		}
		w.hosts["mirror.gcr.io"], err = registry.NewMirror(o.GHCRBackend, o.Log)
		if err != nil {
			return nil, err
		}
	}
	for name, handler := range o.Hosts {
		w.hosts[strings.ToLower(name)] = handler
	}
	return w, nil
}

func (w *world) names() []string {
	return slices.Sorted(maps.Keys(w.hosts))
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, found := strings.Cut(r.Host, ":")
	if !found {
		host = r.Host
	}
	handler := w.hosts[strings.ToLower(host)]
	if handler == nil {
		http.Error(rw, fmt.Sprintf("host %q is not part of the local world", r.Host), http.StatusMisdirectedRequest)
		return
	}
	handler.ServeHTTP(rw, r)
}
