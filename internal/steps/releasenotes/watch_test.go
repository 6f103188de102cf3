package releasenotes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/org/release-actions/internal/ghapi"
)

// watcher looks at the releases after each request that may have changed them:
// each file that a published one had, or was to have when it was published, must
// be there, whole. For the moment between two calls one that is replaced may be
// there under its replacement's name, and in that moment nothing is uploaded.
type watcher struct {
	t      testing.TB
	github http.Handler
	// several says that there are several runs at once: while one of them gives a
	// file its name, another one may upload.
	several bool

	mu        sync.Mutex
	published bool
	must      []string // the names of files
	lacks     []string // those of them that are there under another name
}

// watch starts to look. A release that isn't published yet is to have files.
func (w *world) watch(files []string) *watcher {
	w.t.Helper()
	o := &watcher{t: w.t, github: w.github, must: files}
	for _, r := range w.releases() {
		if r.Draft {
			continue
		}
		o.published, o.must = true, nil
		for _, a := range r.Assets {
			if a.Uploaded() && !strings.HasSuffix(a.Name, ".next") {
				o.must = append(o.must, a.Name)
			}
		}
	}
	w.changed = o.look
	return o
}

func (o *watcher) look(request string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	req := httptest.NewRequestWithContext(o.t.Context(), http.MethodGet, "/repos/octocat/hello/releases/tags/"+tag, nil)
	req.Header.Set("User-Agent", "watcher")
	answer := httptest.NewRecorder()
	o.github.ServeHTTP(answer, req)
	var r ghapi.Release
	if err := json.Unmarshal(answer.Body.Bytes(), &r); err != nil || r.ID == 0 {
		if o.published {
			o.t.Errorf("after %s the published release is gone: %s", request, answer.Body)
		}
		return
	}
	o.published = true
	there := func(name string) bool {
		return slices.ContainsFunc(r.Assets, func(a ghapi.Asset) bool { return a.Name == name && a.Uploaded() })
	}
	var lacks []string
	for _, name := range o.must {
		if there(name) {
			continue
		}
		if lacks = append(lacks, name); !there(name + ".next") {
			o.t.Errorf("after %s the published release lacks %q", request, name)
		}
	}
	if len(o.lacks) > 0 && strings.HasPrefix(request, "POST ") && !o.several {
		o.t.Errorf("%s while %q have another name", request, o.lacks)
	}
	o.lacks = lacks
}

// check reports what has another name for longer than a moment.
func (o *watcher) check() {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lacks) > 0 {
		o.t.Errorf("the published release has %q under another name only", o.lacks)
	}
}

// state describes the releases of the tag, apart from ids and times, and says which
// is the latest.
func (w *world) state() string {
	w.t.Helper()
	var all []ghapi.Release
	w.api(http.MethodGet, "/releases?per_page=100", nil, &all)
	var lines []string
	for _, r := range w.releases() {
		var assets []string
		for _, a := range r.Assets {
			assets = append(assets, fmt.Sprintf("%s %s %s %d", a.Name, a.State, a.Digest, a.Size))
		}
		slices.Sort(assets)
		lines = append(lines, fmt.Sprintf("%s draft=%v prerelease=%v %q %q\n%s", r.Name, r.Draft, r.Prerelease, r.Body, r.Tag, strings.Join(assets, "\n")))
	}
	if slices.ContainsFunc(all, func(r ghapi.Release) bool { return !r.Draft }) {
		var r ghapi.Release
		w.api(http.MethodGet, "/releases/latest", nil, &r)
		lines = append(lines, "latest: "+r.Tag)
	}
	return strings.Join(lines, "\n")
}
