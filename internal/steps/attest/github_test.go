package attest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/attest"
	"github.com/org/release-actions/internal/transport"
)

// gitHub is the stand-in of GitHub's API, which counts what is created, and
// whose answers can be replaced.
type gitHub struct {
	url       string
	created   atomic.Int64
	intercept atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
}

func newGitHub(t *testing.T) *gitHub {
	t.Helper()
	standin, err := github.New(github.Options{
		Repository: "acme/app", Commit: sigstoretest.Commit, Tokens: []github.Token{{Value: secret.New("write"), Write: true}, {Value: secret.New("read")}},
		Judge: githubtest.Judge(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	g := &gitHub{}
	api := standin.API()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			g.created.Add(1)
		}
		if f := g.intercept.Load(); f != nil {
			(*f)(w, r, api)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// during has f answer requests until the next call; the API itself where nil.
func (g *gitHub) during(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	if f == nil {
		g.intercept.Store(nil)
		return
	}
	g.intercept.Store(&f)
}

func (g *gitHub) client(t *testing.T, token string) *ghapi.Client {
	t.Helper()
	c, err := ghapi.New(ghapi.Options{
		APIURL: g.url, Repository: ghapi.Repository{Owner: "acme", Name: "app"}, Token: secret.New(token),
		Transport: transport.New(transport.Options{RetryFor: -1, UserAgent: "test"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// push attests an image and files, and gives all to GitHub.
func (g *gitHub) push(t *testing.T, w *evidencetest.World, token string) (attest.Result, error) {
	t.Helper()
	cfg := attest.Config{
		Images: w.Images, SBOMs: write(t, w.Digests), Provenance: true, Checksums: []string{file(t, "sums", sumA+"  a\n"+sumB+"  b\n")},
		PushToGitHub: true, OutputDir: t.TempDir(),
	}
	return attest.Run(t.Context(), cfg, attest.Deps{
		Open: w.Opener(t, evidencetest.Workflow), Token: sigstoretest.Token(evidencetest.Workflow), GitHub: g.client(t, token),
	})
}

// kept returns how many attestations GitHub has of each digest of w, and of the files.
func (g *gitHub) kept(t *testing.T, w *evidencetest.World) []int {
	t.Helper()
	var counts []int
	digests := []string{"sha256:" + sumA, "sha256:" + sumB}
	for _, d := range w.Digests {
		digests = append(digests, string(d))
	}
	for _, d := range digests {
		found, err := g.client(t, "read").Attestations(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, len(found))
	}
	return counts
}

func wantKept(t *testing.T, got []int) {
	t.Helper()
	for n, count := range got {
		if want := map[bool]int{true: 1, false: 3}[n < 2]; count != want {
			t.Errorf("GitHub has %v attestations of the digests", got)
			return
		}
	}
}

func TestGitHubGetsEveryAttestationOnce(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	if _, err := g.push(t, w, "write"); err != nil {
		t.Fatal(err)
	}
	wantKept(t, g.kept(t, w))
	// Neither GitHub nor the log gets anything from a second run, though no
	// registry keeps what is said of files.
	created := g.created.Load()
	w.Sigstore.Rekor.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	if _, err := g.push(t, w, "write"); err != nil {
		t.Fatal(err)
	}
	if n := g.created.Load() - created; n != 0 {
		t.Errorf("%d requests to create", n)
	}
}

func TestAnotherListOfFilesIsGivenToGitHub(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	for n, text := range []string{sumA + "  a\n", sumA + "  a\n" + sumB + "  b\n", sumA + "  renamed\n"} {
		cfg := attest.Config{Checksums: []string{file(t, "sums", text)}, Provenance: true, PushToGitHub: true, OutputDir: t.TempDir()}
		_, err := attest.Run(t.Context(), cfg, attest.Deps{
			Open: w.Opener(t, evidencetest.Workflow), Token: sigstoretest.Token(evidencetest.Workflow), GitHub: g.client(t, "write"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if created := g.created.Load(); created != int64(n+1) {
			t.Errorf("%d attestations after %q", created, text)
		}
	}
}

func TestWhatIsTooLargeForGitHubIsToldBeforeItIsSigned(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	sboms := write(t, w.Digests)
	large := strings.Replace(string(evidencetest.CycloneDX(w.Digests[1])), `"version":1`, `"version":1,"serialNumber":"`+strings.Repeat("x", 16<<20)+`"`, 1)
	for _, path := range sboms {
		if text, err := os.ReadFile(path); err == nil && string(text) == string(evidencetest.CycloneDX(w.Digests[1])) {
			if err := os.WriteFile(path, []byte(large), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cfg := attest.Config{Images: w.Images, SBOMs: sboms, PushToGitHub: true, OutputDir: t.TempDir()}
	_, err := attest.Run(t.Context(), cfg, attest.Deps{Open: w.Opener(t, evidencetest.Workflow), GitHub: g.client(t, "write")})
	if err == nil || !strings.Contains(err.Error(), w.Digests[1].Hex()+".cdx.sigstore.json") || !strings.Contains(strings.Join(hint.Of(err), " "), "push-to-github") {
		t.Errorf("%v, mends %q", err, hint.Of(err))
	}
	if n := w.Sigstore.Entries() + int(g.created.Load()); n != 0 {
		t.Errorf("%d signatures and requests to create", n)
	}
}

func TestARunAddsWhatGitHubLacks(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	g.during(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && g.created.Load() > 5 {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		next.ServeHTTP(rw, r)
	})
	result, err := g.push(t, w, "write")
	if !errors.Is(err, ghapi.ErrUnavailable) || !strings.HasPrefix(err.Error(), "GitHub has 5 of 13 attestations: ") || len(result.Bundles) != 13 {
		t.Fatalf("%d bundles, %v", len(result.Bundles), err)
	}
	g.during(nil)
	entries := w.Sigstore.Entries()
	if _, err := g.push(t, w, "write"); err != nil {
		t.Fatal(err)
	}
	wantKept(t, g.kept(t, w))
	// Only that of the files is signed anew: GitHub didn't have it, nor could a registry.
	if n := w.Sigstore.Entries() - entries; n != 1 {
		t.Errorf("%d signatures", n)
	}
}

func TestALostAnswerOfGitHubDoublesNothing(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	g.during(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(rw, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r)
		rw.WriteHeader(http.StatusBadGateway)
	})
	if _, err := g.push(t, w, "write"); err != nil {
		t.Fatal(err)
	}
	g.during(nil)
	wantKept(t, g.kept(t, w))
}

func TestWithoutThePermissionTheRegistriesHaveAll(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	result, err := g.push(t, w, "read")
	if !errors.Is(err, ghapi.ErrForbidden) || !strings.Contains(strings.Join(hint.Of(err), " "), `"attestations: write"`) || len(result.Bundles) != 13 {
		t.Errorf("%d bundles, %v, mends %q", len(result.Bundles), err, hint.Of(err))
	}
	for n := range w.Registries {
		for _, d := range w.Digests {
			if count := len(w.Bundles(t, n, d)); count != 3 {
				t.Errorf("registry %d has %d of %s", n, count, d)
			}
		}
	}
}

func TestAnotherWorkflowsAttestationIsNotTaken(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	const other = "acme/app/.github/workflows/other.yml@refs/tags/v1.2.3"
	cfg := attest.Config{Images: w.Images, Provenance: true, PushToGitHub: true, OutputDir: t.TempDir()}
	for _, workflow := range []string{other, evidencetest.Workflow} {
		_, err := attest.Run(t.Context(), cfg, attest.Deps{Open: w.Opener(t, workflow), Token: sigstoretest.Token(workflow), GitHub: g.client(t, "write")})
		if err != nil {
			t.Fatal(err)
		}
	}
	if counts := g.kept(t, w); counts[2] != 2 {
		t.Errorf("GitHub has %v attestations of the digests", counts)
	}
}

func TestAGitHubThatCannotBeReadIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	w, g := evidencetest.New(t), newGitHub(t)
	g.during(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.WriteHeader(http.StatusInternalServerError)
	})
	if _, err := g.push(t, w, "write"); !errors.Is(err, ghapi.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if n := w.Sigstore.Entries(); n != 0 {
		t.Errorf("%d signatures were made", n)
	}
}
