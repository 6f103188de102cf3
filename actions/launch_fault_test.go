package actions_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestLauncherSaysWhatItTried is about what doesn't mend: there is one error,
// which names what was tried and the way out, and nothing is left behind.
func TestLauncherSaysWhatItTried(t *testing.T) {
	t.Parallel()
	const address = "/acme/release-actions/releases/download/v1.2.3/steps_linux_amd64.gz"
	tests := map[string]struct {
		prepare func(t *testing.T, s *store)
		env     []string
		step    string
		asked   int
		want    []string
	}{
		"GitHub is down": {
			func(_ *testing.T, s *store) {
				s.answer = func(w http.ResponseWriter, _ *http.Request, _ int, _ []byte) {
					http.Error(w, "", http.StatusBadGateway)
				}
			}, nil, "sign", 4, []string{"tried SERVER" + address + ": ", "502", "githubstatus.com"},
		},
		"no network":      {nil, []string{"GITHUB_SERVER_URL=http://127.0.0.1:1"}, "sign", 0, []string{"tried http://127.0.0.1:1" + address + ": ", "127.0.0.1", "HTTPS_PROXY"}},
		"a missing asset": {func(_ *testing.T, s *store) { delete(s.assets, "steps_linux_amd64.gz") }, nil, "sign", 1, []string{"tried SERVER" + address + ": ", "404", "RELEASE_ACTIONS_BIN"}},
		"a truncated asset": {func(_ *testing.T, s *store) {
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ int, b []byte) { truncate(w, b) }
		}, nil, "sign", 4, []string{"tried SERVER" + address}},
		"an asset that stalls": {
			func(_ *testing.T, s *store) {
				s.answer = func(w http.ResponseWriter, r *http.Request, _ int, b []byte) {
					truncate(w, b)
					w.(http.Flusher).Flush()
					select {
					case <-r.Context().Done():
					case <-time.After(time.Minute):
					}
				}
			}, nil, "sign", 4, []string{"tried SERVER" + address, "too slow"},
		},
		"a server of an enterprise without the action": {
			func(_ *testing.T, s *store) { clear(s.assets) }, []string{"https_proxy=http://127.0.0.1:1"}, "sign", 1,
			[]string{"tried SERVER" + address, "404", "tried https://github.com" + address},
		},
		"neither curl nor wget": {
			func(t *testing.T, s *store) {
				t.Helper()
				s.env = append(s.env, "PATH="+tools(t, bare...))
			}, nil, "sign", 0, []string{"neither curl nor wget", "install curl", "RELEASE_ACTIONS_BIN"},
		},
		"no place to keep it": {
			func(t *testing.T, s *store) {
				t.Helper()
				for _, place := range append(s.places[:], filepath.Join(s.home, ".cache")) {
					s.write(t, place, "in the way")
				}
			}, nil, "sign", 0, []string{"tried PLACE0/", "tried PLACE1/", "/.cache/release-actions/", "RELEASE_ACTIONS_BIN"},
		},
		"an action that lies elsewhere": {
			func(t *testing.T, s *store) {
				t.Helper()
				moved := filepath.Join(t.TempDir(), "copy")
				if err := os.Rename(s.root, moved); err != nil {
					t.Fatal(err)
				}
				s.root = moved
			}, nil, "sign", 0, []string{"/copy doesn't say which repository it is of", "RELEASE_ACTIONS_URL"},
		},
		"Windows":                 {nil, []string{"RUNNER_OS=Windows"}, "sign", 0, []string{"don't run on Windows", "runs-on: ubuntu-24.04"}},
		"build-push on macOS":     {nil, []string{"RUNNER_OS=macOS"}, "build-push", 0, []string{"build-push doesn't run on macOS", "runs-on: ubuntu-24.04"}},
		"another processor":       {nil, []string{"RUNNER_ARCH=X86"}, "sign", 0, []string{"v1.2.3 has no program for linux/X86", "ubuntu-24.04-arm"}},
		"an unknown step":         {nil, nil, "sgin", 0, []string{`no step "sgin"`}},
		"a program without steps": {nil, []string{"RELEASE_ACTIONS_BIN=/nonexistent"}, "sign", 0, []string{"RELEASE_ACTIONS_BIN has no program"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			if test.prepare != nil {
				test.prepare(t, s)
			}
			out, err := s.launch(append(test.env, "GITHUB_ACTIONS=true"), test.step)
			if err == nil || strings.Contains(out, "program steps") || len(s.asked) != test.asked {
				t.Errorf("%v, asked for %v, want %d\n%s", err, s.asked, test.asked, out)
			}
			if strings.Count(out, "::error title=launch::") != 1 || strings.Count(out, "%0Ahint: ") != 1 {
				t.Errorf("not one error with one hint:\n%s", out)
			}
			names := strings.NewReplacer("SERVER", s.URL, "PLACE0", s.places[0], "PLACE1", s.places[1])
			for _, want := range test.want {
				if !strings.Contains(out, names.Replace(want)) {
					t.Errorf("output lacks %q:\n%s", names.Replace(want), out)
				}
			}
			if left := s.left(t); len(left) > 0 && name != "no place to keep it" {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// TestLauncherGoesElsewhere is about folders that can't have a program, and
// servers that don't have one, while another does.
func TestLauncherGoesElsewhere(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.write(t, s.places[0], "in the way")
	out, err := s.launch(nil, "sign")
	if err != nil || !strings.Contains(out, "program steps_linux_amd64") {
		t.Errorf("a tool cache that can't be written to: %v\n%s", err, out)
	}
	if found, _ := filepath.Glob(filepath.Join(s.places[1], "release-actions/*/steps")); len(found) != 1 {
		t.Errorf("it isn't in the temporary folder: %v", found)
	}

	s = newStore(t)
	mirror := "RELEASE_ACTIONS_URL=http://127.0.0.1:1/gone " + s.URL + "/acme/release-actions"
	out, err = s.launch([]string{mirror, "GITHUB_SERVER_URL=http://127.0.0.1:1"}, "sign")
	if err != nil || !strings.Contains(out, "program steps_linux_amd64") {
		t.Errorf("a mirror: %v\n%s", err, out)
	}

	s = newStore(t)
	out, err = s.launch([]string{"GITHUB_SERVER_URL=http://ghes.example", "http_proxy=" + s.URL}, "sign")
	if err != nil || !strings.Contains(out, "url http://ghes.example/acme/release-actions https://github.com/acme/release-actions\n") {
		t.Errorf("a proxy: %v\n%s", err, out)
	}
}

// TestLauncherMindsFailingWrites gives it a disk on which nothing larger fits
// than a few blocks.
func TestLauncherMindsFailingWrites(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.assets["steps_linux_amd64.gz"] = pack(t, "steps_linux_amd64", 1<<20)
	s.pin(t)
	cmd := exec.Command("bash", "-c", `trap "" XFSZ; ulimit -f 64; exec "$0" sign`, filepath.Join(s.root, "actions/launch.sh"))
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Count(string(out), "\ntried ") != 3 || !strings.Contains(string(out), "make space in one of these folders") {
		t.Errorf("%v\n%s", err, out)
	}
	if left := s.left(t); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestLauncherIsBash holds it to what bash 3.2 of macOS knows, as far as a
// newer one can tell, and has another shell say what is wrong.
func TestLauncherIsBash(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("sh", "launch.sh", "sign").CombinedOutput()
	if sh, _ := filepath.EvalSymlinks("/bin/sh"); !strings.HasSuffix(sh, "bash") && (err == nil || !strings.Contains(string(out), "isn't bash")) {
		t.Errorf("sh: %v\n%s", err, out)
	}
	text := read(t, "launch.sh")
	newer := regexp.MustCompile(`\$\{\w+(\^|,|@[A-Z])|\b(mapfile|readarray|coproc)\b|(declare|local|typeset) -[Agn]|&>>|\|&|;&|printf -v \w+\[|%\(|wait -n|EPOCH|BASHPID|\[\[ -v`)
	if found := newer.FindAllString(text, -1); len(found) > 0 {
		t.Errorf("bash 3.2 doesn't know %q", found)
	}
	if n := strings.Count(text, "\n"); n >= 150 {
		t.Errorf("%d lines, want fewer than 150", n)
	}
}
