package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
	"github.com/org/release-actions/internal/trivy"
)

// TestMain makes this program Trivy where it is called so: it finds what the
// file "report" beside it says.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "trivy" {
		os.Exit(m.Run())
	}
	args := os.Args[1:]
	after := func(flag string) string { return args[slices.Index(args, flag)+1] }
	path, text := "", []byte(nil)
	var err error
	switch {
	case args[0] == "version":
		fmt.Printf(`{"Version":%q}`, trivy.Version)
		return
	case slices.Contains(args, "--download-db-only"):
		path, text = filepath.Join(after("--cache-dir"), "db", "metadata.json"), fmt.Appendf(nil, `{"UpdatedAt":%q}`, time.Now().Format(time.RFC3339))
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	default:
		path = after("--output")
		text, err = os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "report"))
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		panic(err)
	}
}

// scanned runs the step with a Trivy that finds what report says; with none
// where it is "".
func scanned(t *testing.T, w *evidencetest.World, report string) (verify.Result, error) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "trivy")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if report != "" {
		if err := errors.Join(os.Symlink(self, program), os.WriteFile(filepath.Join(dir, "report"), []byte(report), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := sigstore.NewVerifier(t.Context(), w.Trust(), sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := config(w)
	c.Scan, c.Inspect = true, true
	return verify.Run(t.Context(), c, verify.Deps{Registry: w.Client, Verifier: v, Trivy: trivy.Options{
		Config: trivy.Config{Path: program, CacheDir: t.TempDir()}, Registry: w.Client, Transport: http.DefaultTransport,
		LookPath: func(string) (string, error) { return "", os.ErrNotExist }, TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}})
}

func TestFindingsAreShownAndRefuseNothing(t *testing.T) {
	t.Parallel()
	w := release(t)
	result, err := scanned(t, w, `{"SchemaVersion":2,"Metadata":{"OS":{"Family":"alpine","Name":"3.22"}},"Results":[{"Target":"a","Packages":[{},{}],"Vulnerabilities":[
		{"VulnerabilityID":"CVE-1","Severity":"CRITICAL"},{"VulnerabilityID":"CVE-2","Severity":"LOW"},{"VulnerabilityID":"CVE-3","Severity":"LOW"}]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := result.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"alpine 3.22, 2 packages, findings: 1 critical, 2 low", "8080/tcp"} {
		if strings.Count(out.String(), want) != 3 {
			t.Errorf("output lacks three times %q:\n%s", want, &out)
		}
	}
	if !bytes.Contains(result.Report, []byte(`"findings":{"CRITICAL":1,"LOW":2}`)) || result.Digest != w.Digests[0] {
		t.Errorf("report %s", result.Report)
	}
}

func TestAScanThatIsNotDoneIsNoPass(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ report, want, mend string }{
		"no Trivy":             {"", "scan: not done", "https://github.com/aquasecurity/trivy/releases/tag/v" + trivy.Version},
		"nothing to go by":     {`{"SchemaVersion":2}`, "neither the operating system nor any package", ""},
		"no report of Trivy's": {`{}`, "scan: not done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := release(t)
			result, err := scanned(t, w, test.report)
			if !errors.Is(err, verify.ErrUndecided) || errors.Is(err, verify.ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v", err)
			}
			if result.Digest != "" || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
				t.Errorf("digest %q, mends %q", result.Digest, hint.Of(err))
			}
		})
	}
}
