//go:build e2e

package rehearsal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestScanThatTrivyCannotDo has the real Trivy fail: what it says then is how
// the step tells one fault from another. None is a pass.
func TestScanThatTrivyCannotDo(t *testing.T) {
	const repository = "docker.io/acme/scanned"
	image := repository + "@" + pushScanned(t, repository, "alpine")
	cache := t.TempDir()
	scan := func(t *testing.T, args ...string) (string, error) {
		t.Helper()
		return step(t, "scan", append([]string{"-images", image, "-upload", "never", "-fail-on", "", "-output-dir", t.TempDir(), "-cache-dir", cache}, args...)...)
	}
	if out, err := scan(t); err != nil {
		t.Fatal(out)
	}
	refused := func(t *testing.T, want, mend string, args ...string) {
		t.Helper()
		if out, err := scan(t, args...); err == nil || !strings.Contains(out, want) || !strings.Contains(out, mend) {
			t.Errorf("want %q and %q:\n%s", want, mend, out)
		}
	}
	t.Run("no time", func(t *testing.T) { refused(t, "trivy took longer than 1ms", `with "timeout"`, "-timeout", "1ms") })

	database := filepath.Join(cache, "db", "trivy.db")
	whole, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	for state, content := range map[string][]byte{
		"cut":         whole[:20_000],
		"empty":       {},
		"of no use":   bytes.Repeat([]byte("x"), len(whole)),
		"overwritten": append(bytes.Clone(whole[:16<<10]), bytes.Repeat([]byte{0xff}, len(whole)-16<<10)...),
	} {
		t.Run("a database that is "+state, func(t *testing.T) {
			if err := os.WriteFile(database, content, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, "is corrupt: ", "remove the folder")
		})
	}
	t.Run("no database", func(t *testing.T) {
		refused(t, "there is no vulnerability database", "skip-db-update", "-skip-db-update", "-cache-dir", t.TempDir())
	})
	t.Run("nothing to judge", func(t *testing.T) {
		out, err := step(t, "scan", "-images", pushNothing(t), "-upload", "never", "-fail-on", "HIGH", "-output-dir", t.TempDir())
		if err == nil || !strings.Contains(out, "linux/amd64 has no operating system and no packages that Trivy knows") {
			t.Error(out)
		}
	})
}

// pushNothing pushes an image without files.
func pushNothing(t *testing.T) (pinned string) {
	t.Helper()
	nothing, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := nothing.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest("docker.io/acme/nothing@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, nothing, newForger(t, "docker.io").options...); err != nil {
		t.Fatal(err)
	}
	return "docker.io/acme/nothing@" + digest.String()
}
