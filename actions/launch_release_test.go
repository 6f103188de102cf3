package actions_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	releaseTag = "v1.2.3"
	repoPath   = "/acme/release-actions/releases/download/" + releaseTag + "/"
)

// store is a GitHub that has a release, and what a runner has of it: a checkout
// of the release's commit.
type store struct {
	*launchpad
	*httptest.Server
	assets map[string][]byte
	places [2]string // the runner's tool cache and its temporary folder

	mu     sync.Mutex
	asked  []string
	answer func(w http.ResponseWriter, r *http.Request, n int, asset []byte) // in place of sending the asset to the n-th request for it
}

// newStore makes releases of programs that say which they are.
func newStore(t *testing.T) *store {
	t.Helper()
	p := newLaunchpad(t)
	root := filepath.Join(t.TempDir(), "_actions/acme/release-actions/v1")
	if err := os.CopyFS(root, os.DirFS(p.root)); err != nil {
		t.Fatal(err)
	}
	p.root = root
	s := &store{launchpad: p, assets: map[string][]byte{}, places: [2]string{filepath.Join(p.home, "tools-cache"), filepath.Join(p.home, "temp")}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	for _, name := range []string{"sbom_linux_amd64", "steps_linux_amd64", "steps_linux_arm64", "steps_darwin_amd64", "steps_darwin_arm64"} {
		// More than a kilobyte, so that half of it is not nothing.
		s.assets[name+".gz"] = pack(t, name, 1<<10)
	}
	s.pin(t)
	for _, step := range []string{"sbom", "build-push"} {
		p.write(t, filepath.Join(root, "actions", step, "action.yml"), "name: "+step+"\n")
	}
	// Pauses are told, not waited for; a stall is noticed early.
	p.write(t, filepath.Join(p.home, "tools/sleep"), "#!/bin/bash\necho \"$1\" >>\"$HOME/pauses\"\n")
	p.write(t, filepath.Join(p.home, "tools/curl"), "#!/bin/bash\nexec /usr/bin/curl \"$@\" --speed-time 1\n")
	p.env = append(p.env, "GITHUB_SERVER_URL="+s.URL, "RUNNER_OS=Linux", "RUNNER_ARCH=X64",
		"RUNNER_TOOL_CACHE="+s.places[0], "RUNNER_TEMP="+s.places[1])
	return s
}

// pack makes a program that says which it is, of some size.
func pack(t *testing.T, name string, size int) []byte {
	t.Helper()
	var text bytes.Buffer
	zip, err := gzip.NewWriterLevel(&text, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(zip, "#!/bin/bash\n#%s\necho \"program %s: $*\"; echo \"url $RELEASE_ACTIONS_URL\"\n", strings.Repeat("x", size), name)
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// pin writes the checksums of the assets as they are.
func (s *store) pin(t *testing.T) {
	t.Helper()
	sums := "# " + releaseTag + "\n"
	for _, name := range slices.Sorted(maps.Keys(s.assets)) {
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(s.assets[name]), name)
	}
	s.write(t, filepath.Join(s.root, "actions/checksums.txt"), sums)
}

// ServeHTTP sends assets as GitHub does: from elsewhere.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, repoPath); ok {
		http.Redirect(w, r, "/files/"+name, http.StatusFound)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/files/")
	asset, known := s.assets[name]
	if !ok || !known {
		s.note(r.URL.Path)
		http.NotFound(w, r)
		return
	}
	n := s.note(name)
	if s.answer != nil {
		s.answer(w, r, n, asset)
		return
	}
	_, _ = w.Write(asset)
}

func (s *store) note(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
	return len(s.asked)
}

// left lists the files in the caches.
func (s *store) left(t *testing.T) (files []string) {
	t.Helper()
	for _, place := range append(s.places[:], filepath.Join(s.home, ".cache")) {
		_ = filepath.WalkDir(place, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				files = append(files, filepath.Base(path))
			}
			return nil
		})
	}
	return files
}

func TestLauncherTakesTheReleasesProgram(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env     []string
		step    string
		program string
	}{
		"a step":                   {nil, "sign", "steps_linux_amd64"},
		"the large one":            {nil, "sbom", "sbom_linux_amd64"},
		"arm64":                    {[]string{"RUNNER_ARCH=ARM64"}, "sign", "steps_linux_arm64"},
		"macOS":                    {[]string{"RUNNER_OS=macOS", "RUNNER_ARCH=ARM64"}, "sign", "steps_darwin_arm64"},
		"macOS on Intel":           {[]string{"RUNNER_OS=macOS"}, "sign", "steps_darwin_amd64"},
		"no runner's variables":    {[]string{"RUNNER_TOOL_CACHE=", "RUNNER_TEMP="}, "sign", "steps_linux_amd64"},
		"bash as it was with 3.2":  {[]string{"BASH_COMPAT=3.2"}, "sign", "steps_linux_amd64"},
		"a repository of any name": {[]string{"GITHUB_ACTION_REPOSITORY=not/this"}, "sign", "steps_linux_amd64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			out, err := s.launch(test.env, test.step, "-x", "a b")
			if err != nil || !strings.Contains(out, "program "+test.program+": -x a b\n") {
				t.Fatalf("%v\n%s", err, out)
			}
			// A step that starts another one's program looks at the same place.
			if want := "url " + s.URL + "/acme/release-actions"; !strings.Contains(out, want) {
				t.Errorf("output lacks %q:\n%s", want, out)
			}
			program, _, _ := strings.Cut(test.program, "_")
			if left := s.left(t); !slices.Equal(left, []string{program}) {
				t.Errorf("the caches have %v", left)
			}
			// From now on it takes neither a server nor any program but bash.
			s.Close()
			out, err = s.launch(append(test.env, "PATH="+tools(t, "bash")), test.step, "again")
			if err != nil || !strings.HasPrefix(out, "program "+test.program+": again\n") {
				t.Errorf("from the cache: %v\n%s", err, out)
			}
		})
	}
}

// TestLauncherTriesAgain is about servers that mend.
func TestLauncherTriesAgain(t *testing.T) {
	t.Parallel()
	broken := map[string]func(http.ResponseWriter, []byte){
		"an answer of 503": func(w http.ResponseWriter, _ []byte) { http.Error(w, "later", http.StatusServiceUnavailable) },
		"a truncated one":  truncate,
		"a cut connection": func(http.ResponseWriter, []byte) { panic(http.ErrAbortHandler) },
	}
	for name, breaks := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.answer = func(w http.ResponseWriter, _ *http.Request, n int, asset []byte) {
				if n < 4 {
					breaks(w, asset)
					return
				}
				_, _ = w.Write(asset)
			}
			out, err := s.launch(nil, "sign")
			pauses, _ := os.ReadFile(filepath.Join(s.home, "pauses"))
			if err != nil || !strings.Contains(out, "program steps_linux_amd64") || !strings.HasPrefix("2\n5\n15\n", string(pauses)) || len(pauses) == 0 {
				t.Errorf("%v, pauses of %q\n%s", err, pauses, out)
			}
		})
	}
}

func truncate(w http.ResponseWriter, asset []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(asset)))
	_, _ = w.Write(asset[:len(asset)/2])
}

func TestLauncherRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	others := map[string]func([]byte) []byte{
		"a byte":          func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b },
		"a byte more":     func(b []byte) []byte { return append(bytes.Clone(b), 0) },
		"half of it":      func(b []byte) []byte { return b[:len(b)/2] },
		"nothing":         func([]byte) []byte { return nil },
		"a page of login": func([]byte) []byte { return []byte("<!doctype html><title>Sign in</title>") },
	}
	for name, change := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ int, asset []byte) { _, _ = w.Write(change(asset)) }
			out, err := s.launch(nil, "sign")
			sum := fmt.Sprintf("%x", sha256.Sum256(s.assets["steps_linux_amd64.gz"]))
			if err == nil || strings.Contains(out, "program ") || len(s.left(t)) > 0 || len(s.asked) != 1 {
				t.Errorf("%v, asked for %v, left %v\n%s", err, s.asked, s.left(t), out)
			}
			for _, want := range []string{s.URL + repoPath + "steps_linux_amd64.gz has the SHA-256 ", "checksums.txt of this commit says " + sum, "nothing of it was run"} {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestLaunchersAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if out, err := s.launch(nil, "sign"); err != nil || !strings.Contains(out, "program steps_linux_amd64") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	group.Wait()
	if left := s.left(t); !slices.Equal(left, []string{"steps"}) {
		t.Errorf("the caches have %v", left)
	}
}

// tools makes a folder with nothing of /usr/bin but what is named.
func tools(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// bare is what the launcher can't do without.
var bare = []string{"bash", "env", "mkdir", "mktemp", "chmod", "mv", "rm", "gzip", "sleep", "sha256sum"}

func TestLauncherNeedsLittle(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	out, err := s.launch([]string{"PATH=" + tools(t, append(bare, "wget")...)}, "sign")
	if err != nil || !strings.Contains(out, "program steps_linux_amd64") {
		t.Errorf("with wget: %v\n%s", err, out)
	}
	if len(s.asked) != 1 {
		t.Errorf("asked for %v", s.asked)
	}
}
