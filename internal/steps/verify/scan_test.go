package verify_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
	"github.com/org/release-actions/internal/trivy"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

func TestMain(m *testing.M) { trivytest.Main(m) }

// scanned runs the step with a Trivy that finds what report says; with none
// where it is "".
func scanned(t *testing.T, w *evidencetest.World, report string) (verify.Result, error) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "trivy")
	if report != "" {
		program = trivytest.Install(t, trivytest.Plan{Report: report})
	}
	v, err := sigstore.NewVerifier(t.Context(), w.Trust(), sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := config(w)
	c.Scan, c.Inspect, c.Trivy = true, true, trivy.Config{Path: program, CacheDir: t.TempDir()}
	return verify.Run(t.Context(), c, verify.Deps{Registry: w.Client, Verifier: v, Trivy: trivy.Options{
		Transport: http.DefaultTransport,
		LookPath:  func(string) (string, error) { return "", os.ErrNotExist }, TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now,
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
