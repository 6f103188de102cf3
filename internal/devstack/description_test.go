package devstack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDescriptionIsTheOneThatIsPinned(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	a := &archive{tar.NewWriter(zip)}
	if err := errors.Join(a.file("package/README.md", 0o644, []byte("read me")), a.file("package/api.json", 0o644, []byte("{}")), a.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(packed.Bytes())
	pinned := published{"@acme/api@1.0.0", base64.StdEncoding.EncodeToString(sum[:]), "package/api.json"}
	if text, err := pinned.unpack(path); err != nil || string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
	other, absent := pinned, pinned
	other.sha512 = githubDescription.sha512
	absent.file = "package/other.json"
	for want, p := range map[string]published{"@acme/api@1.0.0 is not what it was": other, "look for package/other.json": absent} {
		if _, err := p.unpack(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
