// Package wiring makes what the steps' Deps have in common, of the place that a
// step runs in and the logins that its inputs give.
package wiring

import (
	"errors"
	"net/http"
	"os/exec"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/trivy"
)

// Wiring makes clients. None of them asks anybody anything before it is used.
// What can't be made is nil, and Err says why, of all at once; so it comes last.
type Wiring struct {
	rt       *action.Runtime
	logins   registry.Credentials
	retryFor time.Duration
	job      *job.Job
	errs     []error
}

// Of returns the wiring of a step whose requests are retried for so long.
func Of(rt *action.Runtime, logins registry.Credentials, retryFor time.Duration) *Wiring {
	return &Wiring{rt: rt, logins: logins, retryFor: retryFor}
}

// Err says what could not be made.
func (w *Wiring) Err() error { return errors.Join(w.errs...) }

// Transport carries the requests of all clients.
func (w *Wiring) Transport() http.RoundTripper { return w.rt.Transport(w.retryFor) }

// Job returns what the step runs for.
func (w *Wiring) Job() job.Job {
	if w.job == nil {
		j, err := w.rt.Job()
		w.note(err)
		w.job = &j
	}
	return *w.job
}

// Registry returns the client of a step that reads, and writes now and then.
func (w *Wiring) Registry() *registry.Client { return w.registry(false) }

// RegistryToWrite returns the client of a step that writes wherever it reads.
func (w *Wiring) RegistryToWrite() *registry.Client { return w.registry(true) }

func (w *Wiring) registry(writes bool) *registry.Client {
	client, err := registry.New(w.logins, registry.Options{
		Transport: w.Transport(), DockerConfigDir: w.rt.DockerConfigDir(), Writes: writes, Log: w.rt.Log,
	})
	w.note(err)
	return client
}

// GitHub returns the client for the job's repository, or nil where nothing says
// which that is: outside of a workflow.
func (w *Wiring) GitHub() *ghapi.Client {
	if w.Job().Repository == "" {
		return nil
	}
	client, err := ghapi.ForJob(w.Job().Repository, w.gitHub(w.logins.GitHubToken))
	w.note(err)
	return client
}

// GitHubOf returns the client for any repository, as whoever the token is of.
func (w *Wiring) GitHubOf(repository ghapi.Repository, token secret.String) *ghapi.Client {
	o := w.gitHub(token)
	o.Repository = repository
	client, err := ghapi.New(o)
	w.note(err)
	return client
}

func (w *Wiring) gitHub(token secret.String) ghapi.Options {
	return ghapi.Options{APIURL: w.Job().APIURL, Token: token, Transport: w.Transport()}
}

// DockerHub returns the client of Docker Hub's own API, or nil without a login.
func (w *Wiring) DockerHub() *dockerhub.Client {
	if w.logins.DockerHubUsername == "" {
		return nil
	}
	client, err := dockerhub.New(dockerhub.Options{Username: w.logins.DockerHubUsername, Password: w.logins.DockerHubToken, Transport: w.Transport()})
	w.note(err)
	return client
}

// GitHubPackages returns the client of what belongs to owners and not to a
// repository, or nil without a token.
func (w *Wiring) GitHubPackages() *ghapi.Client {
	if w.logins.GitHubToken.IsZero() {
		return nil
	}
	return w.GitHubOf(ghapi.Repository{}, w.logins.GitHubToken)
}

// Trivy returns how it is found and run, but for what is scanned.
func (w *Wiring) Trivy() trivy.Options {
	return trivy.Options{
		Transport: w.Transport(), RetryFor: w.retryFor, LookPath: exec.LookPath, Env: w.rt.Environ(),
		ToolCache: w.rt.CacheDir(), TempDir: w.rt.TempDir(), Log: w.rt.Log, Now: time.Now,
	}
}

func (w *Wiring) note(err error) {
	if err != nil {
		w.errs = append(w.errs, err)
	}
}
