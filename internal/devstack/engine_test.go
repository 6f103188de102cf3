package devstack

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin"
)

// fakePackages is a cache with what the engine is unpacked from.
func fakePackages(t *testing.T, without string) *debian {
	t.Helper()
	var log bytes.Buffer
	d := &debian{t.TempDir(), &log}
	t.Cleanup(func() {
		if log.Len() > 0 {
			t.Errorf("asked the archive: %s", &log)
		}
	})
	for _, file := range []string{
		"docker.io_20.10_amd64/usr/bin/docker", "docker.io_20.10_amd64/usr/sbin/dockerd", "docker.io_20.10_amd64/usr/sbin/docker-proxy",
		"tini_0.19_amd64/usr/bin/tini-static",
		"containerd_1.6_amd64/usr/bin/containerd", "containerd_1.6_amd64/usr/bin/containerd-shim-runc-v2",
		"runc_1.1_amd64/usr/sbin/runc",
		"iptables_1.8_amd64/usr/sbin/xtables-nft-multi", "iptables_1.8_amd64/usr/lib/x86_64-linux-gnu/xtables/libxt_DNAT.so",
		"libdevmapper1.02.1_1.02_amd64/lib/x86_64-linux-gnu/libdevmapper.so.1.02.1",
		"libip4tc2_1.8_amd64/usr/lib/x86_64-linux-gnu/libip4tc.so.2", "libip6tc2_1.8_amd64/usr/lib/x86_64-linux-gnu/libip6tc.so.2",
		"libxtables12_1.8_amd64/usr/lib/x86_64-linux-gnu/libxtables.so.12", "libmnl0_1.0_amd64/usr/lib/x86_64-linux-gnu/libmnl.so.0",
		"libnetfilter-conntrack3_1.0_amd64/usr/lib/x86_64-linux-gnu/libnetfilter_conntrack.so.3",
		"libnfnetlink0_1.0_amd64/usr/lib/x86_64-linux-gnu/libnfnetlink.so.0", "libnftnl11_1.2_amd64/usr/lib/x86_64-linux-gnu/libnftnl.so.11",
	} {
		path := filepath.Join(d.cache, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if filepath.Base(path) == without {
			continue
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestEngineIsFoundInItsPackages(t *testing.T) {
	t.Parallel()
	packages := fakePackages(t, "")
	p, err := packages.engine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range enginePrograms {
		if !isFile(p.Programs[program.name]) {
			t.Errorf("%s is at %q", program.name, p.Programs[program.name])
		}
	}
	for _, library := range []string{"libdevmapper.so.1.02.1", "libnftnl.so.11"} {
		if !slices.ContainsFunc(p.Libraries, func(dir string) bool { return isFile(filepath.Join(dir, library)) }) {
			t.Errorf("%s is in none of %v", library, p.Libraries)
		}
	}
	if !isFile(filepath.Join(p.Tables, "libxt_DNAT.so")) {
		t.Errorf("extensions in %q", p.Tables)
	}
}

func TestEngineThatLacksAProgram(t *testing.T) {
	t.Parallel()
	_, err := fakePackages(t, "docker-proxy").engine(t.Context())
	if err == nil || !strings.Contains(err.Error(), "docker-proxy") || !strings.Contains(err.Error(), "docker.io") {
		t.Errorf("error %v, want one that names program and package", err)
	}
}

func TestEngineKeepsToTheWorldsFolder(t *testing.T) {
	t.Parallel()
	packages := fakePackages(t, "")
	unpacked, err := packages.engine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(engineDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	d := &daemon{plan: &plan{Dir: dir}, servers: &standin.Servers{ProxyURL: "http://127.0.0.1:1", CAFile: "/ca"}}
	p, err := d.engine(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if !p.isolated {
		t.Error("its containers would outlive it")
	}
	text, err := os.ReadFile(p.command[len(p.command)-1])
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"data-root", "exec-root", "pidfile", "deprecated-key-path"} {
		if path, _ := config[key].(string); !strings.HasPrefix(path, dir) {
			t.Errorf("%s is %q, outside of the world's folder", key, path)
		}
	}
	for _, key := range []string{"iptables", "ip6tables", "ip-forward", "ip-masq"} {
		if config[key] != false {
			t.Errorf("%s is %v: it changes the machine's network", key, config[key])
		}
	}
}

func TestBridgesOfOthersStay(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	before, err := bridges()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was noted first counts
		if err := noteBridges(cache); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeBridges(cache); err != nil {
		t.Fatal(err)
	}
	after, err := bridges()
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("bridges %v became %v, %v", before, after, err)
	}
	if isFile(bridgesFile(cache)) {
		t.Error("the note is left")
	}
	for name, want := range map[string]bool{"br-0123456789ab": true, "br-lan": false, "docker0": false, "xbr-0123456789ab": false} {
		if dockerBridge.MatchString(name) != want {
			t.Errorf("%q is taken for an engine's: %v", name, !want)
		}
	}
}

func TestEnvFileOfAnEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := writeEngineEnv(dir, variable{"DOCKER_HOST", "unix:///x"}, variable{"DEVSTACK_DOCKER", "/opt/it's/docker"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(engineEnv(dir))
	if err != nil {
		t.Fatal(err)
	}
	want := "export DOCKER_HOST='unix:///x'\nexport DEVSTACK_DOCKER='/opt/it'\\''s/docker'\nexport PATH=\"${DEVSTACK_DOCKER%/*}:$PATH\"\n"
	if string(text) != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
}

func TestNodeSaysItsPlatforms(t *testing.T) {
	t.Parallel()
	b := &builder{dir: t.TempDir()}
	for _, test := range []struct {
		node node
		part string
		want bool
	}{
		{node{Platforms: []string{"linux/arm64", "linux/arm/v7"}, Name: "arm"}, "node-arm", true},
		{node{}, "buildkitd", false},
	} {
		p, err := b.daemon(test.node)
		if err != nil {
			t.Fatal(err)
		}
		config, err := os.ReadFile(p.command[len(p.command)-1])
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(config), `platforms = ["linux/arm64", "linux/arm/v7"]`); got != test.want || p.name != test.part {
			t.Errorf("part %q, platforms %v in\n%s", p.name, got, config)
		}
	}
}

func TestNodesNeedANameForFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "../up", "A", "a b"} {
		if _, err := startNode(t.Context(), options{}, name, nil); err == nil || !strings.Contains(err.Error(), "no name for a file") {
			t.Errorf("%q: error %v", name, err)
		}
	}
}

func TestLibrariesOfAProgram(t *testing.T) {
	t.Parallel()
	got := libraries("\tlinux-vdso.so.1 (0x00007f)\n\tlibseccomp.so.2 => /lib/x86_64-linux-gnu/libseccomp.so.2 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n")
	if want := []string{"/lib/x86_64-linux-gnu/libseccomp.so.2", "/lib64/ld-linux-x86-64.so.2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := libraries("\tstatically linked\n"); len(got) > 0 {
		t.Errorf("a static program has %v", got)
	}
}
