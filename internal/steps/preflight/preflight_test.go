package preflight

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

var update = flag.Bool("update", false, "write the golden files")

// noToken is a job without id-token: write.
func noToken(context.Context, string) (secret.String, error) {
	return secret.String{}, hint.New("the job has no permission to ask for an OIDC token", `grant "id-token: write" under "permissions:" of the job`)
}

func TestNothingIsWrongAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	w.release(workflow, commit, 0) // which makes Docker Hub's page
	before := w.state()
	w.servers.Faults.ClearRequests()
	r, err := w.run()
	if err != nil || r.Digest != "" {
		t.Fatalf("%v, digest %q", err, r.Digest)
	}
	for _, o := range r.outcomes {
		if o.state != fine {
			t.Errorf("%s: %v", o.name, o.err)
		}
	}
	if after := w.state(); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	if !strings.Contains(r.Summary(), "checks found nothing that would fail this run") || w.log.Len() > 0 {
		t.Errorf("summary:\n%s\nlog:\n%s", r.Summary(), w.log.String())
	}
}

var port = regexp.MustCompile(`127\.0\.0\.1:\d+|sha256:[0-9a-f]{64}`)

// TestEverythingIsMissing is the list of messages: the golden file is what a
// workflow gets that has nothing of what it needs.
func TestEverythingIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	w.release("acme/hello/.github/workflows/other.yml@refs/tags/v1.2.3", strings.Repeat("f", 40), 2)
	w.api(http.MethodPatch, "/git/refs/tags/v1.2.3", `{"sha":"`+strings.Repeat("e", 40)+`","force":true}`)
	for _, s := range []*sigstoretest.Service{w.sigstore.Fulcio, w.sigstore.Rekor} {
		s.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	}
	w.token, w.githubToken, w.hubSecret = noToken, w.servers.Credentials.GitHubReadToken, w.servers.Credentials.DockerHubReadToken.Reveal()
	w.cfg.Build.File, w.cfg.Readme = "docker/Dockerfile", "docs/HUB.md"
	r, err := w.run()
	if err == nil {
		t.Fatal("no error")
	}
	if hints := hint.Of(err); len(hints) > 0 {
		t.Errorf("the list has its mends, and the runner's edge would print %q", hints)
	}
	got := port.ReplaceAllString(err.Error()+"\n\n"+r.Summary(), "…")
	for _, planted := range []string{w.githubToken.Reveal(), w.hubSecret} {
		if strings.Contains(got, planted) || strings.Contains(w.log.String(), planted) {
			t.Error("a credential is shown")
		}
	}
	golden := filepath.Join("testdata", "everything.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("%v; the list is\n%s\nwant\n%s", err, got, want)
	}
}

func TestOneThingIsWrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		options standin.Options
		change  func(*world)
		state   state
		text    string
		mend    string
	}{
		{"no Dockerfile", standin.Options{}, func(w *world) { w.cfg.Build.Context = w.dir + "/none" }, problem, `input "context": there is no directory`, "actions/checkout"},
		{"a file that isn't there", standin.Options{}, func(w *world) { w.cfg.Build.File = "Containerfile" }, problem, `there is no Dockerfile "Containerfile"`, "file"},
		{"a target that no line names", standin.Options{}, func(w *world) { w.cfg.Build.Target = "runtime" }, unknown, `names a stage "runtime"`, "FROM … AS runtime"},
		{"no contents", standin.Options{Ungranted: []string{"contents"}}, nil, problem, `check "contents: write" for "acme/hello": 403`, `grant "contents: write"`},
		{"no contents for a snapshot", standin.Options{Ungranted: []string{"contents"}}, func(w *world) { w.cfg.Release, w.cfg.Snapshot = false, true }, problem, `check "contents: write"`, `grant "contents: write"`},
		{"no security-events", standin.Options{Ungranted: []string{"security-events"}}, nil, missed, `check "security-events: write"`, `grant "security-events: write"`},
		{"no security-events, and required", standin.Options{Ungranted: []string{"security-events"}}, func(w *world) { w.cfg.Upload = uploadRequired }, problem, `check "security-events: write"`, `grant "security-events: write"`},
		{"no attestations", standin.Options{Ungranted: []string{"attestations"}}, nil, problem, `check "attestations: write"`, `grant "attestations: write"`},
		{"a wrong token", standin.Options{}, func(w *world) { w.githubToken = secret.New("ghs_wrong") }, problem, "401 Bad credentials", `"github-token" is wrong`},
		{"no OIDC token", standin.Options{}, func(w *world) { w.token = noToken }, problem, "no permission to ask for an OIDC token", "id-token: write"},
		{"another owner's package", standin.Options{}, func(w *world) { w.cfg.Images[0] = w.repositories("ghcr.io/other/hello")[0] }, problem, `push to "ghcr.io/other/hello": ghcr.io answered 403`, "packages: write"},
		{"a login that only reads", standin.Options{}, func(w *world) { w.hubSecret = w.servers.Credentials.DockerHubReadToken.Reveal() }, problem, `push to "docker.io/acme/hello"`, "dockerhub-token"},
		{"a login that doesn't set the page", standin.Options{}, func(w *world) { w.hubSecret = w.servers.Credentials.DockerHubWriteToken.Reveal() }, problem, `check who may set the page of "docker.io/acme/hello": 403`, "Read, Write, Delete"},
		{"a wrong password", standin.Options{}, func(w *world) { w.hubSecret = "wrong" }, problem, `push to "docker.io/acme/hello"`, "dockerhub-token"},
		{"no such section", standin.Options{}, func(w *world) { w.cfg.Notes.Sections = []string{"pull", "pulls"} }, problem, `input "sections": there is no section "pulls"`, "choose from changes, platforms"},
		{"no template", standin.Options{}, func(w *world) { w.cfg.Notes.Template = "docs/notes.tmpl" }, problem, `input "template": open docs/notes.tmpl`, "name a file below the workspace"},
		{"no text for the page", standin.Options{}, func(w *world) { w.cfg.Readme = "docs" }, problem, `input "readme-filepath": there is no file "docs"`, "name the file"},
		{"Rekor is down", standin.Options{}, func(w *world) { w.sigstore.Rekor.SetFault(sigstoretest.Answer(503)) }, problem, "rekor at", "status.sigstore.dev"},
		{"the tag was moved", standin.Options{}, func(w *world) {
			w.api(http.MethodPatch, "/git/refs/tags/v1.2.3", `{"sha":"`+strings.Repeat("e", 40)+`","force":true}`)
		}, problem, `git tag "v1.2.3" points to commit eeee`, "release a new version"},
		{"the tag is gone", standin.Options{}, func(w *world) { w.api(http.MethodDelete, "/git/refs/tags/v1.2.3", "") }, problem, `git tag "v1.2.3" is gone`, "git push origin v1.2.3"},
		{"the release is immutable", standin.Options{ImmutableReleases: true}, func(w *world) { w.api(http.MethodPost, "/releases", `{"tag_name":"v1.2.3"}`) }, problem, `release "v1.2.3" is published and immutable`, "release a new version"},
		{"the release is immutable, and to be overwritten", standin.Options{ImmutableReleases: true}, func(w *world) {
			w.release(workflow, commit, 2)
			w.cfg.Overwrite = true
			w.api(http.MethodPost, "/releases", `{"tag_name":"v1.2.3"}`)
		}, problem, `release "v1.2.3" is published and immutable`, "release a new version"},
		{"the version is of another commit", standin.Options{}, func(w *world) { w.release(workflow, strings.Repeat("f", 40), 1) }, problem, `tag "ghcr.io/acme/hello:1.2.3" is released already, as sha256:`, "overwrite: true"},
		{"the version is of another workflow", standin.Options{}, func(w *world) {
			w.release("acme/hello/.github/workflows/test.yml@refs/heads/main", commit, 1)
		}, problem, "it has no signature by", "overwrite: true"},
		{"GitHub is down", standin.Options{}, func(w *world) { w.fault(fault.Rule{Host: "api.github.com", Status: 503}) }, unknown, "503", "githubstatus"},
		{"Docker Hub's API is down", standin.Options{}, func(w *world) { w.fault(fault.Rule{Host: "hub.docker.com", Status: 503}) }, unknown, "503", "Docker Hub"},
		{"a registry is down", standin.Options{}, func(w *world) { w.fault(fault.Rule{Host: "ghcr.io", Status: 503}) }, problem, `push to "ghcr.io/acme/hello": ghcr.io answered 503`, "run again later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.options)
			w.release(workflow, "an earlier commit", 0) // which makes Docker Hub's page
			if test.change != nil {
				test.change(w)
			}
			r, err := w.run()
			if (err != nil) != (test.state == problem) {
				t.Errorf("error %v", err)
			}
			found := errors.Join(r.of(test.state)...)
			if found == nil || !strings.Contains(found.Error(), test.text) || !strings.Contains(strings.Join(hint.Of(found), "\n"), test.mend) {
				t.Errorf("found %v, hints %q, want %q with %q", found, hint.Of(found), test.text, test.mend)
			}
			if shown := r.Summary() + w.log.String(); test.state != problem && (!strings.Contains(w.log.String(), "WARN") || !strings.Contains(shown, test.mend)) {
				t.Errorf("nobody is warned:\n%s", shown)
			}
		})
	}
}

func (w *world) fault(r fault.Rule) {
	w.t.Helper()
	if err := w.servers.Faults.Add(r); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheReleasedImageIsGoneOnWith(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		tagged int // registries
		change func(*world)
		taken  bool
	}{
		{"all tags are there", 2, nil, true},
		{"promote was cut short", 1, nil, true},
		{"and the release is immutable", 2, func(w *world) { w.api(http.MethodPost, "/releases", `{"tag_name":"v1.2.3"}`) }, true},
		{"nothing was promoted", 0, nil, false},
		{"it is to be overwritten", 2, func(w *world) { w.cfg.Overwrite = true }, false},
		{"nothing is pushed", 2, func(w *world) { w.cfg.Push, w.cfg.Release = false, false }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, standin.Options{ImmutableReleases: true})
			digest := w.release(workflow, commit, test.tagged)
			if test.change != nil {
				test.change(w)
			}
			r, err := w.run()
			if err != nil || (r.Digest == digest) != test.taken || (len(r.Images) == 2) != test.taken {
				t.Errorf("%v; digest %q, images %q, want %q taken: %v", err, r.Digest, r.Images, digest, test.taken)
			}
			if strings.Contains(r.Summary(), "builds nothing") != test.taken {
				t.Errorf("summary:\n%s", r.Summary())
			}
		})
	}
}

// TestABuildAsksNobody: a pull request of a fork has neither token nor secrets,
// and needs none.
func TestABuildAsksNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	w.servers.Faults.ClearRequests()
	w.cfg.Push, w.cfg.Release, w.token, w.hubUser, w.hubSecret = false, false, noToken, "", ""
	if r, err := w.run(); err != nil || len(r.outcomes) != 1 || len(w.servers.Faults.Requests()) > 0 {
		t.Errorf("%v; %d checks, requests %v", err, len(r.outcomes), w.servers.Faults.Requests())
	}
	w.cfg.Build.Context = "https://github.com/acme/hello.git#main"
	if _, err := w.run(); err != nil {
		t.Errorf("a context that BuildKit fetches: %v", err)
	}
	w.cfg.Build = Build{Context: w.dir, Digests: []string{"linux/amd64=sha256:1"}, File: "none"}
	if _, err := w.run(); err == nil {
		t.Error("what isn't pushed is built, whatever the digests: there is no Dockerfile")
	}
}

func TestCancelledInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := Deps{Registry: w.client(), Token: w.token, Job: job.Job{Commit: commit, Ref: w.ref}}
	if r, err := Run(ctx, w.cfg, d); !errors.Is(err, context.Canceled) || r.Summary() != "" {
		t.Errorf("error %v, summary %q", err, r.Summary())
	}
}
