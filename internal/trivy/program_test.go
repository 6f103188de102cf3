package trivy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

// serve is a transport that answers every request with body, and counts.
type serve struct {
	status int
	body   []byte
	asked  []string
}

func (s *serve) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.String())
	return &http.Response{StatusCode: s.status, Status: http.StatusText(s.status), Body: io.NopCloser(bytes.NewReader(s.body)), Request: r}, nil
}

// pack returns an archive as a release has it.
func pack(t *testing.T, name string, content []byte) (archived []byte, sum string) {
	t.Helper()
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	files := tar.NewWriter(zip)
	for file, content := range map[string][]byte{"README.md": []byte("read me"), name: content} {
		if err := files.WriteHeader(&tar.Header{Name: file, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(text.Bytes())
	return text.Bytes(), hex.EncodeToString(hash[:])
}

func TestReleaseIsFetchedOnceAndCheckedAlways(t *testing.T) {
	t.Parallel()
	packed, sum := pack(t, "trivy", []byte("program"))
	from := &serve{status: 200, body: packed}
	o := options(t, trivytest.Plan{})
	o.Transport = from
	release := archive{"trivy.tar.gz", sum}
	for range 2 {
		path, err := open(t, o).fetch(t.Context(), release)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "program" {
			t.Errorf("the program is %q, %v", text, err)
		}
	}
	if len(from.asked) != 1 || from.asked[0] != downloads+"trivy.tar.gz" {
		t.Errorf("asked for %q", from.asked)
	}
	// What somebody has put into the tool cache is not run.
	kept := filepath.Join(o.ToolCache, "trivy", Version, "trivy.tar.gz")
	evil, _ := pack(t, "trivy", []byte("evil"))
	if err := os.WriteFile(kept, evil, 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := open(t, o).fetch(t.Context(), release)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "program" || len(from.asked) != 2 {
		t.Errorf("the program is %q, %v, after %q", text, err, from.asked)
	}
}

func TestWrongReleaseStops(t *testing.T) {
	t.Parallel()
	packed, sum := pack(t, "trivy", []byte("program"))
	other, otherSum := pack(t, "other", []byte("program"))
	for name, test := range map[string]struct {
		from       *serve
		sum        string
		want, mend string
	}{
		"wrong hash":      {&serve{status: 200, body: packed}, otherSum, "its SHA-256 is " + sum, "don't use it"},
		"not there":       {&serve{status: 404}, sum, "Not Found", "trivy-path"},
		"another program": {&serve{status: 200, body: other}, otherSum, "look for trivy in it: EOF", ""},
	} {
		o := options(t, trivytest.Plan{})
		o.Transport = test.from
		s := open(t, o)
		_, err := s.fetch(t.Context(), archive{"trivy.tar.gz", test.sum})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend) {
			t.Errorf("%s: error %v with %q", name, err, hint.Of(err))
		}
		if left, _ := filepath.Glob(filepath.Join(o.ToolCache, "trivy", Version, ".*")); len(left) > 0 {
			t.Errorf("%s: left behind %q", name, left)
		}
	}
}

func TestOnlyThePinnedVersionRuns(t *testing.T) {
	t.Parallel()
	other := options(t, trivytest.Plan{Version: "0.69.4"})
	if _, err := Open(t.Context(), other); err == nil || !strings.Contains(err.Error(), `input "trivy-path"`) || !strings.Contains(err.Error(), "is Trivy 0.69.4, not 0.69.3") {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(other.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	script := filepath.Join(t.TempDir(), "trivy")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '{\"Version\":\"0.69.3\"}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := options(t, trivytest.Plan{})
	found := o.Path
	o.Path = script
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is no Trivy") {
		t.Errorf("error %v", err)
	}
	// On the PATH.
	o.Path, o.LookPath = "", func(string) (string, error) { return found, nil }
	if s := open(t, o); s.program != found {
		t.Errorf("runs %q, want %q", s.program, found)
	}
	// Another one there is passed over, and the release has another hash.
	o.LookPath = func(string) (string, error) { return other.Path, nil }
	from := &serve{status: 200, body: []byte("x")}
	o.Transport = from
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is not what it was") || len(from.asked) != 1 {
		t.Errorf("error %v after %q", err, from.asked)
	}
}
