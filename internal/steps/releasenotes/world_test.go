package releasenotes_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/notes"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/releasenotes"
	"github.com/org/release-actions/internal/transport"
)

const (
	token  = "ghs_plantedSecret"
	commit = "860c1904a1ce19322e91ac35af1ab07466440c37"
	tag    = "v1.2.3"
)

// api asks GitHub directly, by the same stand-in but past the faults.
func (w *world) api(method, path string, body, out any) {
	w.t.Helper()
	rules := w.faults.Rules()
	w.faults.Clear()
	defer func() {
		if err := w.faults.Add(rules...); err != nil {
			w.t.Fatal(err)
		}
		w.requests = nil
	}()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, "https://api.github.com/repos/octocat/hello"+path, bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Client{Transport: w}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		w.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			w.t.Fatal(err)
		}
	}
}

// direct asks GitHub while it handles another request.
func (w *world) direct(method, path string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Error(err)
	}
	req := httptest.NewRequestWithContext(w.t.Context(), method, "/repos/octocat/hello"+path, bytes.NewReader(text))
	req.Header.Set("User-Agent", "test")
	req.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	w.github.ServeHTTP(answer, req)
	if answer.Code > 299 {
		w.t.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
}

// get returns what a request is answered with, past any redirects.
func (w *world) get(req *http.Request) string {
	w.t.Helper()
	resp, err := (&http.Client{Transport: w}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s, %v", req.URL, resp.Status, err)
	}
	return string(body)
}

// releases returns all releases of the tag, drafts too.
func (w *world) releases() []ghapi.Release {
	w.t.Helper()
	var all, found []ghapi.Release
	w.api(http.MethodGet, "/releases?per_page=100", nil, &all)
	for _, r := range all {
		if r.Tag == tag {
			found = append(found, r)
		}
	}
	return found
}

// only returns the one release of the tag.
func (w *world) only() ghapi.Release {
	w.t.Helper()
	found := w.releases()
	if len(found) != 1 {
		w.t.Fatalf("%d releases of %s, want one", len(found), tag)
	}
	return found[0]
}

// file writes a file and returns its path.
func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// push puts the same index into both registries.
func (w *world) push() []image.Pinned {
	w.t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}} {
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
		if err != nil {
			w.t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	var pinned []image.Pinned
	for _, repository := range []string{"ghcr.io/octocat/hello", "docker.io/octo/hello"} {
		ref, err := name.ParseReference(repository + ":pushed")
		if err != nil {
			w.t.Fatal(err)
		}
		if err := remote.WriteIndex(ref, index, remote.WithTransport(w), remote.WithContext(w.t.Context())); err != nil {
			w.t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil {
			w.t.Fatal(err)
		}
		p, err := image.ParsePinned(repository + "@" + digest.String())
		if err != nil {
			w.t.Fatal(err)
		}
		pinned = append(pinned, p)
	}
	return pinned
}

// config is a release with two files.
func (w *world) config() releasenotes.Config {
	return releasenotes.Config{
		Files:         []string{w.file("one.txt", "one"), w.file("two.json", "{}")},
		FailUnmatched: true,
		Overwrite:     true,
		Layout:        notes.Layout{Sections: []string{"pull", "platforms", "verify", "sbom", "scan", "changes"}},
		Registry:      registry.Credentials{GitHubToken: secret.New(token)},
	}
}

func (w *world) deps() releasenotes.Deps {
	w.t.Helper()
	retrying := transport.New(transport.Options{Base: w, RetryFor: cmp.Or(w.retryFor, -1)})
	gh, err := ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token), Transport: retrying})
	if err != nil {
		w.t.Fatal(err)
	}
	oci, err := registry.New(registry.Credentials{}, registry.Options{Transport: retrying})
	if err != nil {
		w.t.Fatal(err)
	}
	return releasenotes.Deps{
		GitHub: gh, Registry: oci, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Job: job.Job{ServerURL: "https://github.com", Repository: "Octocat/hello", Ref: "refs/tags/" + tag, Commit: commit}, Pause: time.Millisecond,
	}
}

func (w *world) run(cfg releasenotes.Config) (releasenotes.Result, error) {
	w.t.Helper()
	w.requests = nil
	result, err := releasenotes.Run(w.t.Context(), cfg, w.deps())
	if text := fmt.Sprint(result, err) + w.log.String(); strings.Contains(text, token) {
		w.t.Errorf("the token is shown: %s", text)
	}
	return result, err
}

func (w *world) mustRun(cfg releasenotes.Config) releasenotes.Result {
	w.t.Helper()
	result, err := w.run(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// assets returns the names of the assets of the only release, sorted.
func (w *world) assets() []string {
	w.t.Helper()
	var names []string
	for _, a := range w.only().Assets {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// writes lists the requests of the last run that change something.
func (w *world) writes() []string {
	return slices.DeleteFunc(slices.Clone(w.requests), func(r string) bool {
		return strings.HasPrefix(r, "GET ") || strings.HasPrefix(r, "HEAD ") || r == "POST /releases/generate-notes"
	})
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
