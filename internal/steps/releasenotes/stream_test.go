package releasenotes_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

// uploads stands for GitHub's uploads only: it keeps nothing but size and digest.
type uploads struct {
	http.RoundTripper
	// wrong has it tell another digest than that of what arrives.
	wrong bool
}

func (u *uploads) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "uploads.github.com" {
		return u.RoundTripper.RoundTrip(r)
	}
	hash := sha256.New()
	size, err := io.Copy(hash, r.Body)
	if err != nil {
		return nil, err
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	if u.wrong {
		hash.Write([]byte("!"))
	}
	body := fmt.Sprintf(`{"id":7,"name":%q,"state":"uploaded","size":%d,"digest":"sha256:%x"}`, r.URL.Query().Get("name"), size, hash.Sum(nil))
	return &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (w *world) through(t http.RoundTripper) releasenotes.Deps {
	w.t.Helper()
	d := w.deps()
	var err error
	d.GitHub, err = ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token), Transport: t})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// TestFilesAreStreamed releases a file of 256 MiB. It runs alone, for it counts all
// memory that is asked for meanwhile, freed or not.
func TestFilesAreStreamed(t *testing.T) {
	w := newWorld(t, github.Options{})
	cfg := w.config()
	large := w.file("large.img", "x")
	if err := os.Truncate(large, 256<<20); err != nil {
		t.Fatal(err)
	}
	cfg.Files = []string{large}
	d := w.through(&uploads{RoundTripper: w})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := releasenotes.Run(t.Context(), cfg, d)
	runtime.ReadMemStats(&after)
	if err != nil || !strings.Contains(string(result.Assets), `"size":268435456`) {
		t.Fatalf("%s, %v", result.Assets, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("%d MiB of memory for a file of 256 MiB", took>>20)
	}
}

func TestWhatArrivesWrongIsNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	_, err := releasenotes.Run(t.Context(), w.config(), w.through(&uploads{RoundTripper: w, wrong: true}))
	if err == nil || !strings.Contains(err.Error(), `upload "`) || !strings.Contains(err.Error(), "and GitHub has") || len(hint.Of(err)) == 0 {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
	if !w.only().Draft {
		t.Error("it is published")
	}
}
