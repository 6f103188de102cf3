package devstack

import (
	"os"
	"path/filepath"
	"testing"
)

func TestModulesAndPackagesAreServed(t *testing.T) {
	t.Parallel()
	cache, packages := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(packages, "Packages"), []byte(`"of Debian"`), 0o600); err != nil {
		t.Fatal(err)
	}
	info := filepath.Join(cache, "cache", "download", "example.com", "a", "@v", "v1.0.0.info")
	if err := os.MkdirAll(filepath.Dir(info), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(info, []byte(`{"Version":"v1.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	addresses, err := freeAddresses(1)
	if err != nil {
		t.Fatal(err)
	}
	server, err := serveSources(t.Context(), addresses[0], cache, packages)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	var got struct{ Version string }
	if err := getJSON(t.Context(), "http://"+addresses[0]+"/example.com/a/@v/v1.0.0.info", &got); err != nil || got.Version != "v1.0.0" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := getJSON(t.Context(), "http://"+addresses[0]+"/example.com/b/@v/v1.0.0.info", nil); err == nil {
		t.Error("a module that isn't there was found")
	}
	var index string
	if err := getJSON(t.Context(), "http://"+addresses[0]+packagesPath+"Packages", &index); err != nil || index != "of Debian" {
		t.Errorf("got %q, %v", index, err)
	}
}

func TestFreeAddressesDiffer(t *testing.T) {
	t.Parallel()
	addresses, err := freeAddresses(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, address := range addresses {
		if seen[address] {
			t.Errorf("%s was given twice", address)
		}
		seen[address] = true
	}
}
