package devstack

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackageThatIsThereIsNotFetched(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	d := &debian{t.TempDir(), &log}
	for _, file := range []string{
		"qemu-user-static_1%3a7.2_amd64/usr/share/doc/readme", // a package that only says where its files went
		"qemu-user_1%3a10.0_amd64/usr/bin/qemu-arm",
		"old_1_amd64/usr/bin/qemu-old-static",
	} {
		path := filepath.Join(d.cache, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path     string
		packages []string
		want     string
	}{
		{"usr/bin/qemu-arm", []string{"qemu-user-static", "qemu-user"}, "qemu-user_1%3a10.0_amd64/usr/bin/qemu-arm"},
		{"usr/bin/qemu-old", []string{"old"}, "old_1_amd64/usr/bin/qemu-old-static"},
	} {
		got, err := d.program(t.Context(), test.path, test.packages...)
		if err != nil || got != filepath.Join(d.cache, test.want) {
			t.Errorf("%s: %q, %v; want %q", test.path, got, err, test.want)
		}
	}
	_, err := d.program(t.Context(), "usr/bin/absent", "qemu-user")
	if err == nil || !strings.Contains(err.Error(), "usr/bin/absent") || !strings.Contains(err.Error(), "qemu-user") {
		t.Errorf("error %v, want one that names path and package", err)
	}
	if log.Len() > 0 {
		t.Errorf("asked the archive: %s", &log)
	}
}
