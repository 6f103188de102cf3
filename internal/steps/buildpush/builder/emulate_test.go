package builder

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

// install returns the command line that installed handlers, or nil.
func (w *world) install(t *testing.T) []string {
	t.Helper()
	for _, c := range w.calls(t, true) {
		if c.Program == "docker" && slices.Contains(c.Args, "run") {
			return c.Args
		}
	}
	return nil
}

func (w *world) handler(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "binfmt", name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyWhatNothingRunsIsEmulated(t *testing.T) {
	t.Parallel()
	amd64 := []string{"linux/amd64", "linux/amd64/v2", "linux/386"}
	for name, test := range map[string]struct {
		have, want []string
		cfg        Config
		env        string
		install    string // the platforms that are installed
		host       string
		warn       string
	}{
		"the machine's own":           {amd64, []string{"linux/amd64", "linux/386"}, Config{}, "", "", "", ""},
		"no platforms":                {amd64, nil, Config{}, "", "", "", ""},
		"some":                        {amd64, []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6"}, Config{}, "", "arm64,arm", "unix:///var/run/docker.sock", "emulated by QEMU: linux/arm64, linux/arm/v7, linux/arm/v6. What"},
		"on another socket":           {amd64, []string{"linux/arm64"}, Config{}, "DOCKER_HOST=unix:///run/user/1000/docker.sock", "arm64", "unix:///run/user/1000/docker.sock", "emulated by QEMU"},
		"on a context":                {amd64, []string{"linux/arm64"}, Config{Endpoint: "mine"}, "", "arm64", "unix:///mine.sock", "emulated by QEMU"},
		"another image":               {amd64, []string{"linux/arm64"}, Config{BinfmtImage: "mirror.example.com/binfmt:1"}, "", "arm64", "unix:///var/run/docker.sock", "emulated by QEMU"},
		"emulated already":            {append(slices.Clone(amd64), "linux/arm64"), []string{"linux/arm64"}, Config{}, "", "", "", "emulated by QEMU: linux/arm64. What"},
		"told not to":                 {amd64, []string{"linux/arm64"}, Config{BinfmtImage: NoBinfmt}, "", "", "", "no node runs programs for linux/arm64"},
		"on a machine elsewhere":      {amd64, []string{"linux/arm64"}, Config{}, "DOCKER_HOST=tcp://10.0.0.1:2376", "", "", "no node runs programs for linux/arm64"},
		"BuildKit elsewhere":          {amd64, []string{"linux/arm64"}, Config{Driver: Remote, Endpoint: "tcp://10.0.0.1:1234"}, "", "", "", "no node runs programs for linux/arm64"},
		"no matter for QEMU":          {amd64, []string{"windows/amd64", "linux/ppc64", "linux/amd64/v4"}, Config{}, "", "", "", "no node runs programs for windows/amd64, linux/ppc64, linux/amd64/v4 (node"},
		"some are no matter for QEMU": {amd64, []string{"linux/arm64", "darwin/arm64"}, Config{}, "", "arm64", "unix:///var/run/docker.sock", "emulated by QEMU: linux/arm64. What"},
		"newer than what QEMU lists":  {amd64, []string{"linux/arm64/v9"}, Config{}, "", "arm64", "unix:///var/run/docker.sock", "no node runs programs for linux/arm64/v9"},
		"on an engine by its address": {amd64, []string{"linux/arm64"}, Config{Endpoint: "unix:///other.sock"}, "", "arm64", "unix:///other.sock", "emulated by QEMU"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, behaviour{Platforms: test.have, BinfmtFlags: "POCF", Context: "unix:///mine.sock"})
			if test.env != "" {
				w.deps.Env = append(w.deps.Env, test.env)
			}
			cfg := test.cfg
			if len(cfg.described()) == 0 {
				cfg.Driver = Container
			}
			b, err := Use(t.Context(), cfg, platforms(t, test.want...), w.deps)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			command := w.install(t)
			if (command != nil) != (test.install != "") {
				t.Fatalf("installed with %v, want %q", command, test.install)
			}
			if command != nil {
				binfmt := DefaultBinfmt
				if test.cfg.BinfmtImage != "" {
					binfmt = test.cfg.BinfmtImage
				}
				if want := []string{"--host=" + test.host, "run", "--rm", "--privileged", binfmt, "--install", test.install}; !slices.Equal(command, want) {
					t.Errorf("command %v, want %v", command, want)
				}
			}
			if log := w.log.String(); !strings.Contains(log, test.warn) || strings.Contains(log, "level=WARN") != (test.warn != "") {
				t.Errorf("log without %q:\n%s", test.warn, log)
			}
		})
	}
}

func TestANodeOfItsKindSparesEmulation(t *testing.T) {
	t.Parallel()
	mine := current(own("mine", "docker-container", "running", "linux/amd64", "linux/arm64"))
	mine.Nodes = append(mine.Nodes, nodeEntry{Name: "arm", Endpoint: "tcp://arm:1234", Status: "running", Platforms: []string{"linux/arm64", "linux/arm/v7"}})
	w := newWorld(t, behaviour{Own: []entry{mine}})
	b, err := Use(t.Context(), Config{}, platforms(t, "linux/amd64", "linux/arm64", "linux/arm/v7"), w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if command := w.install(t); command != nil || strings.Contains(w.log.String(), "level=WARN") {
		t.Errorf("installed with %v; log:\n%s", command, &w.log)
	}
}

func TestEmulationThatFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		b        behaviour
		platform string
		edit     func(*testing.T, *world)
		want     []string // in the error or its mends
	}{
		"no docker": {behaviour{}, "linux/arm64", func(_ *testing.T, w *world) {
			w.deps.LookPath = func(string) (string, error) { return "", errors.New("not found") }
		}, []string{"no node runs programs for linux/arm64", "no docker here", `"binfmt-image: none"`}},
		"not permitted": {behaviour{Fail: map[string]string{"--host=unix:///var/run/docker.sock": "Error response from daemon: privileged mode is incompatible with user namespaces: operation not permitted"}}, "linux/arm64", nil,
			[]string{"install QEMU's handlers", "operation not permitted", "engine without root", `"binfmt-image: none"`}},
		"pull refused": {behaviour{Fail: map[string]string{"--host=unix:///var/run/docker.sock": "toomanyrequests: You have reached your pull rate limit"}}, "linux/arm64", nil,
			[]string{"toomanyrequests", `"dockerhub-username"`}},
		"nothing registered": {behaviour{BinfmtSays: "error: cannot mount binfmt_misc filesystem at /proc/sys/fs/binfmt_misc"}, "linux/arm64", nil,
			[]string{"there is none for arm64", "cannot mount binfmt_misc"}},
		"no binfmt_misc": {behaviour{BinfmtSays: "error: cannot mount binfmt_misc filesystem: no such device"}, "linux/arm64", func(t *testing.T, w *world) {
			t.Helper()
			if err := os.Remove(filepath.Join(w.dir, "binfmt", "register")); err != nil {
				t.Fatal(err)
			}
		}, []string{"programs for arm64 still don't run", "no such device", "mount -t binfmt_misc"}},
		"registered without P": {behaviour{BinfmtFlags: "OCF"}, "linux/arm64", nil, []string{`handler "qemu-arm64" for arm64 has the flags "OCF" without P`, "--uninstall qemu-arm64"}},
		"there without F": {behaviour{BinfmtFlags: "POCF"}, "linux/arm64", func(t *testing.T, w *world) {
			t.Helper()
			w.handler(t, "qemu-aarch64", handlerText("arm64", "OCP", true))
		}, []string{`handler "qemu-aarch64" for arm64 has the flags "OCP" without F`, "--uninstall qemu-aarch64"}},
		"there and disabled": {behaviour{BinfmtFlags: "POCF"}, "linux/arm64", func(t *testing.T, w *world) {
			t.Helper()
			w.handler(t, "qemu-aarch64", handlerText("arm64", "POCF", false))
		}, []string{"is disabled", "--uninstall qemu-aarch64"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.b.Platforms = []string{"linux/amd64"}
			w := newWorld(t, test.b)
			if test.edit != nil {
				test.edit(t, w)
			}
			b, err := Use(t.Context(), Config{Driver: Container}, platforms(t, "linux/amd64", test.platform), w.deps)
			if err == nil || b != nil {
				t.Fatalf("builder %v, error %v", b, err)
			}
			all := err.Error() + "\n" + strings.Join(hint.Of(err), "\n")
			for _, want := range test.want {
				if !strings.Contains(all, want) {
					t.Errorf("no %q in\n%s", want, all)
				}
			}
			w.checkNothingLeft(t)
		})
	}
}

func TestHandlersThatCantBeSeenAreTrustedWhereNodesRunTheirPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}, BinfmtHidden: true})
	if err := os.Remove(filepath.Join(w.dir, "binfmt", "register")); err != nil {
		t.Fatal(err)
	}
	b, err := Use(t.Context(), Config{Driver: Container}, platforms(t, "linux/arm64"), w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(b.lacking) > 0 {
		t.Errorf("lacks %v", b.lacking)
	}
}

func TestUnsoundHandlersOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Own: []entry{current(own("mine", "docker-container", "running", "linux/amd64", "linux/arm64"))}})
	w.handler(t, "python3.11", "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n")
	w.handler(t, "qemu-aarch64", handlerText("arm64", "OCF", true))
	_, err := Use(t.Context(), Config{}, platforms(t, "linux/arm64"), w.deps)
	if err == nil || !strings.Contains(err.Error(), "without P") {
		t.Errorf("error %v, want that the handler has no P", err)
	}
}

func TestHandlersAreRead(t *testing.T) {
	t.Parallel()
	for arch := range emulatable {
		h := parseHandler("x", []byte(handlerText(arch, "POCF", true)))
		if h.arch != arch || !h.enabled || h.flags != "POCF" || h.fault() != "" {
			t.Errorf("%s: %+v: %s", arch, h, h.fault())
		}
	}
	for text, want := range map[string]handler{
		// As Debian's qemu-user-static has it: with 20 bytes, of which the mask passes over some.
		"enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n": {"x", "arm64", true, "POF"},
		"enabled\nflags: F\noffset 4\nmagic 7f454c460201010000000000000000000200b700\n":                                                                                                         {"x", "", true, "F"},
		"enabled\nflags: \noffset 0\nmagic 7f454c46\n":                                    {"x", "", true, ""},
		"disabled\nflags: F\noffset 0\nmagic zz\n":                                        {"x", "", false, "F"},
		"enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n":                  {"x", "", true, ""},
		"enabled\nflags: F\noffset 0\nmagic 7f454c4602010100000000000000000002003e9900\n": {"x", "amd64", true, "F"},
	} {
		if got := parseHandler("x", []byte(text)); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: POCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ff\n")
	f.Add("disabled\nextension .jar\n")
	f.Fuzz(func(t *testing.T, text string) {
		h := parseHandler("x", []byte(text))
		if _, known := emulatable[h.arch]; h.arch != "" && !known {
			t.Errorf("%q: architecture %q", text, h.arch)
		}
		if h.fault() == "" && (!h.enabled || !strings.Contains(h.flags, "F") || !strings.Contains(h.flags, "P")) {
			t.Errorf("%q is sound", text)
		}
	})
}
