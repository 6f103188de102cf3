package trivy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/transport"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

const assets = "release-assets.githubusercontent.com"

// releases is GitHub with one archive under the names of Trivy's releases. As
// GitHub does, it redirects to another host. A proxy leads there.
type releases struct {
	*standin.Servers
	transport http.RoundTripper
}

func newReleases(t *testing.T, packed []byte) releases {
	t.Helper()
	servers, err := standin.Start(t.Context(), standin.Options{Dir: t.TempDir(), Hosts: map[string]http.Handler{
		"github.com": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, ok := strings.CutPrefix("https://github.com"+r.URL.Path, downloads)
			if !ok || r.Header.Get("Authorization") != "" {
				http.NotFound(w, r)
				return
			}
			http.Redirect(w, r, "https://"+assets+"/"+name+"?sig=1", http.StatusFound)
		}),
		assets: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(packed) }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	proxy, err := url.Parse(servers.ProxyURL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(servers.CAPEM)
	base := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(base.CloseIdleConnections)
	return releases{servers, transport.New(transport.Options{Base: base, RetryFor: 5 * time.Second})}
}

// count is how many requests for an asset got the status; 0 is of broken answers.
func (r releases) count(status int) (n int) {
	for _, request := range r.Faults.Requests() {
		if request.Host == assets && request.Status == status {
			n++
		}
	}
	return n
}

// pack returns an archive laid out as a release's is.
func pack(t *testing.T, program string, content []byte) (packed []byte, sum string) {
	t.Helper()
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	files := tar.NewWriter(zip)
	for _, file := range []struct {
		name    string
		content []byte
	}{{"LICENSE", []byte("Apache")}, {"README.md", []byte("trivy")}, {"contrib/trivy", []byte("a script")}, {program, content}} {
		if err := files.WriteHeader(&tar.Header{Name: file.name, Typeflag: tar.TypeReg, Size: int64(len(file.content)), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(file.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes(), sumOf(text.Bytes())
}

func sumOf(text []byte) string {
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:])
}

// isProgram wants the program that was packed, and that it can be run.
func isProgram(t *testing.T, path string, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	text, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(text) != "program" || info.Mode() != 0o700 {
		t.Errorf("the program is %q, %v, %v", text, err, info)
	}
}

func TestReleaseIsFetchedOnceAndCheckedAlways(t *testing.T) {
	t.Parallel()
	packed, sum := pack(t, "trivy", []byte("program"))
	from := newReleases(t, packed)
	o := options(t, trivytest.Plan{})
	o.Transport = from.transport
	release := archive{"trivy.tar.gz", sum}
	for range 2 {
		path, err := open(t, o).fetch(t.Context(), release)
		isProgram(t, path, err)
	}
	if n := from.count(200); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	// What somebody has put into the tool cache is not run.
	evil, _ := pack(t, "trivy", []byte("evil"))
	if err := os.WriteFile(filepath.Join(o.ToolCache, "trivy", Version, "trivy.tar.gz"), evil, 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := open(t, o).fetch(t.Context(), release)
	isProgram(t, path, err)
	if n := from.count(200); n != 2 {
		t.Errorf("fetched %d times", n)
	}
}

func TestFaultsOfTheDownload(t *testing.T) {
	t.Parallel()
	packed, sum := pack(t, "trivy", bytes.Repeat([]byte("program, and more that can be cut. "), 9000))
	other, otherSum := pack(t, "other", []byte("program"))
	page := bytes.Repeat([]byte("<html>"), 9)
	const mend = "give it as \"trivy-path\""
	for name, test := range map[string]struct {
		packed     []byte
		sum        string
		fault      *fault.Rule
		want, mend string // "" where it succeeds
	}{
		"truncated once":  {packed, sum, &fault.Rule{Host: assets, Truncate: true, Count: 1}, "", ""},
		"reset once":      {packed, sum, &fault.Rule{Host: "github.com", Reset: true, Count: 1}, "", ""},
		"limited once":    {packed, sum, &fault.Rule{Host: assets, Status: 429, Count: 1, Header: map[string]string{"Retry-After": "1"}}, "", ""},
		"always cut":      {packed, sum, &fault.Rule{Host: assets, Truncate: true}, "broke off after", mend},
		"always limited":  {packed, sum, &fault.Rule{Host: assets, Status: 429}, "answered 429", mend},
		"not there":       {packed, sum, &fault.Rule{Host: assets, Status: 404}, "answered 404", mend},
		"tampered":        {packed, otherSum, nil, "trivy.tar.gz is not what it was: its SHA-256 is " + sum, "don't use it"},
		"another program": {other, otherSum, nil, "look for trivy in it: EOF", ""},
		"no archive":      {page, sumOf(page), nil, "gzip: invalid header", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newReleases(t, test.packed)
			if test.fault != nil {
				if err := from.Faults.Add(*test.fault); err != nil {
					t.Fatal(err)
				}
			}
			o := options(t, trivytest.Plan{})
			o.Transport, o.RetryFor = from.transport, 2*time.Second
			_, err := open(t, o).fetch(t.Context(), archive{"trivy.tar.gz", test.sum})
			if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend)) {
				t.Errorf("error %v with %q", err, hint.Of(err))
			}
			if left, _ := filepath.Glob(filepath.Join(o.ToolCache, "trivy", Version, ".*")); len(left) > 0 {
				t.Errorf("left behind %q", left)
			}
		})
	}
}

func TestSeveralStepsFetchAtOnce(t *testing.T) {
	t.Parallel()
	packed, sum := pack(t, "trivy", []byte("program"))
	o := options(t, trivytest.Plan{})
	o.Transport = newReleases(t, packed).transport
	steps := []*Scanner{open(t, o), open(t, o), open(t, o)}
	if err := parallel.Each(steps, func(_ int, s *Scanner) error {
		path, err := s.fetch(t.Context(), archive{"trivy.tar.gz", sum})
		isProgram(t, path, err)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if kept, err := filepath.Glob(filepath.Join(o.ToolCache, "trivy", Version, "*")); err != nil || len(kept) != 1 {
		t.Errorf("the tool cache has %q, %v", kept, err)
	}
}

func TestToolCacheThatCannotBeWrittenTo(t *testing.T) {
	t.Parallel()
	packed, sum := pack(t, "trivy", []byte("program"))
	o := options(t, trivytest.Plan{})
	o.Transport = newReleases(t, packed).transport
	o.ToolCache = filepath.Join(t.TempDir(), "cache")
	write(t, o.ToolCache, "a file, not a folder")
	path, err := open(t, o).fetch(t.Context(), archive{"trivy.tar.gz", sum})
	isProgram(t, path, err)
}

func TestReleaseForEachArchitecture(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]archive{
		"linux/amd64": {"trivy_0.69.3_Linux-64bit.tar.gz", "1816b632dfe529869c740c0913e36bd1629cb7688bd5634f4a858c1d57c88b75"},
		"linux/arm64": {"trivy_0.69.3_Linux-ARM64.tar.gz", "7e3924a974e912e57b4a99f65ece7931f8079584dae12eb7845024f97087bdfd"},
	} {
		goos, goarch, _ := strings.Cut(platform, "/")
		if got, err := releaseFor(goos, goarch); err != nil || got != want {
			t.Errorf("%s: %v, %v", platform, got, err)
		}
	}
	if _, err := releaseFor("linux", "riscv64"); err == nil || !strings.Contains(err.Error(), "linux/riscv64") || !strings.Contains(hint.Of(err)[0], "trivy-path") {
		t.Errorf("error %v with %q", err, hint.Of(err))
	}
}
