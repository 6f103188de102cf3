package builder

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

func platforms(t *testing.T, names ...string) (list []image.Platform) {
	t.Helper()
	for _, name := range names {
		p, err := image.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func own(name, driver, status string, platforms ...string) entry {
	return entry{Name: name, Driver: driver, Nodes: []nodeEntry{{Name: name + "0", Endpoint: "default", Status: status, Platforms: platforms}}}
}

func current(e entry) entry {
	e.Current = true
	return e
}

func TestWhichBuilderIsUsed(t *testing.T) {
	t.Parallel()
	mine := own("mine", "docker-container", "running", "linux/amd64")
	idle := own("idle", "docker-container", "inactive", "linux/amd64")
	far := own("far", "remote", "running", "linux/amd64")
	for name, test := range map[string]struct {
		own  []entry
		cfg  Config
		env  string
		want string // its name; made where ""
		did  []string
	}{
		"nothing there":          {nil, Config{}, "", "", []string{"create", "inspect"}},
		"selected":               {[]entry{far, current(mine)}, Config{}, "", "mine", nil},
		"selected, not running":  {[]entry{current(idle)}, Config{}, "", "idle", []string{"inspect"}},
		"selected is Docker's":   {[]entry{current(own("default2", "docker", "running"))}, Config{}, "", "", []string{"create", "inspect"}},
		"named":                  {[]entry{far, current(mine)}, Config{Name: "far"}, "", "far", nil},
		"named, Docker's":        {[]entry{current(own("desktop", "docker", "running", "linux/amd64"))}, Config{Name: "desktop"}, "", "desktop", nil},
		"by variable":            {[]entry{far, current(mine)}, Config{}, "BUILDX_BUILDER=far", "far", nil},
		"input before variable":  {[]entry{far, current(mine)}, Config{Name: "mine"}, "BUILDX_BUILDER=far", "mine", nil},
		"described by a driver":  {[]entry{current(mine)}, Config{Driver: Container}, "", "", []string{"create", "inspect"}},
		"described by a mirror":  {[]entry{current(mine)}, Config{Mirrors: []Mirror{{"docker.io", "m"}}}, "", "", []string{"create", "inspect"}},
		"described by platforms": {[]entry{current(mine)}, Config{NodePlatforms: []image.Platform{{OS: "linux", Arch: "arm64"}}}, "", "", []string{"create", "inspect"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, behaviour{Own: test.own, Platforms: []string{"linux/amd64"}})
			if test.env != "" {
				w.deps.Env = append(w.deps.Env, test.env)
			}
			b, err := Use(t.Context(), test.cfg, nil, w.deps)
			if err != nil {
				t.Fatal(err)
			}
			if test.want != "" && b.Name != test.want || test.want == "" && !strings.HasPrefix(b.Name, namePrefix) {
				t.Errorf("builder %q, want %q", b.Name, test.want)
			}
			if err := b.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			var did []string
			for _, c := range w.calls(t, true) {
				did = append(did, c.Args[0])
			}
			want := test.did
			if test.want == "" {
				want = append(slices.Clone(want), "rm")
			}
			if !slices.Equal(did, want) {
				t.Errorf("did %v, want %v", did, want)
			}
			w.checkNothingLeft(t)
		})
	}
}

func TestUsersStateIsUntouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}})
	b, err := Use(t.Context(), Config{Driver: Container}, nil, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.calls(t, false) {
		if c.Config != filepath.Join(w.deps.Dir, configDir) {
			t.Errorf("%v ran with BUILDX_CONFIG=%s", c.Args, c.Config)
		}
		if c.Docker != `{"auths":{}}` {
			t.Errorf("%v ran without the logins: %q", c.Args, c.Docker)
		}
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "config")); err != nil || len(left) > 0 {
		t.Errorf("in the user's own directory: %v, %v", left, err)
	}
}

func TestBuildersHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	if a, b := newName(), newName(); a == b || !strings.HasPrefix(a, namePrefix) {
		t.Errorf("names %q and %q", a, b)
	}
}

func TestNothingIsLeftWhereItFails(t *testing.T) {
	t.Parallel()
	for step, test := range map[string]struct {
		fail map[string]string
		want string
	}{
		"create":  {map[string]string{"create": "no valid drivers found"}, "create a builder"},
		"inspect": {map[string]string{"inspect": "Error response from daemon: pull access denied for acme/buildkit"}, "pull access denied"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, behaviour{Fail: test.fail})
			b, err := Use(t.Context(), Config{Driver: Container}, nil, w.deps)
			if b != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("builder %v, error %v; want %q", b, err, test.want)
			}
			if strings.Contains(err.Error(), "remove the builder") {
				t.Errorf("tells of the tidying: %v", err)
			}
			w.checkNothingLeft(t)
		})
	}
}

func TestNodesThatNeverRun(t *testing.T) {
	t.Parallel()
	broken := own("broken", "remote", "error")
	broken.Nodes[0].Err = "failed to list workers: Unavailable: connection error: dial tcp 10.0.0.1:1234: connect: connection refused"
	for name, test := range map[string]struct {
		own  entry
		want string
	}{
		"refused":  {broken, "connection refused"},
		"no nodes": {entry{Name: "empty", Driver: "remote"}, "it has no nodes"},
		"error":    {entry{Name: "bad", Driver: "remote", Err: "invalid driver option x"}, "invalid driver option x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, behaviour{Own: []entry{test.own}})
			_, err := Use(t.Context(), Config{Name: test.own.Name}, nil, w.deps)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.own.Name) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if name != "no nodes" && len(hint.Of(err)) != 1 {
				t.Errorf("mends %q", hint.Of(err))
			}
		})
	}
}

func TestBuilderThatIsNotThere(t *testing.T) {
	t.Parallel()
	for source, test := range map[string]struct {
		cfg Config
		env string
	}{
		`input "builder"`:         {Config{Name: "absent"}, ""},
		`variable BUILDX_BUILDER`: {Config{}, "BUILDX_BUILDER=absent"},
	} {
		w := newWorld(t, behaviour{Own: []entry{own("mine", "remote", "running")}})
		w.deps.Env = append(w.deps.Env, test.env)
		_, err := Use(t.Context(), test.cfg, nil, w.deps)
		if err == nil || !strings.Contains(err.Error(), source+`: there is no builder "absent"`) {
			t.Errorf("error %v, want that %s names none", err, source)
		}
		if mends := hint.Of(err); len(mends) != 1 || !strings.Contains(mends[0], `"mine", "default"`) {
			t.Errorf("mends %q don't name those that are there", mends)
		}
	}
}

func TestStartIsTriedAgainWhereThatMayHelp(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int{
		"received unexpected HTTP status: 503 Service Unavailable":          2,
		"Get https://registry-1.docker.io/v2/: net/http: i/o timeout":       2,
		"toomanyrequests: You have reached your unauthenticated pull limit": 1,
		"invalid driver option x":                                           1,
	} {
		w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}, Fail: map[string]string{"inspect": said}, FailTimes: 1})
		b, err := Use(t.Context(), Config{Driver: Container}, nil, w.deps)
		if (err == nil) != (want > 1) {
			t.Errorf("%s: error %v", said, err)
		}
		tries := 0
		for _, c := range w.calls(t, true) {
			if c.Args[0] == "inspect" {
				tries++
			}
		}
		if tries != want {
			t.Errorf("%s: %d tries, want %d", said, tries, want)
		}
		if b != nil {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Hang: "inspect"})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for range 500 {
			if made, _ := filepath.Glob(filepath.Join(w.deps.Dir, configDir, "instances", "*")); len(made) > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	_, err := Use(ctx, Config{Driver: Container}, nil, w.deps)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	w.checkNothingLeft(t)
}

func TestBuilderIsRemovedAfterCancelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}})
	ctx, cancel := context.WithCancel(t.Context())
	b, err := Use(ctx, Config{Driver: Container}, nil, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	w.checkNothingLeft(t)
}

func TestBuilderThatCantBeRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}, Fail: map[string]string{"rm": "the engine is gone"}})
	b, err := Use(t.Context(), Config{Driver: Container}, nil, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Close(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the engine is gone") || !strings.Contains(strings.Join(hint.Of(err), ""), "docker ps --all --filter name="+b.Name) {
		t.Errorf("error %v, mends %q", err, hint.Of(err))
	}
}

func TestSweepRemovesWhatAKilledRunMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}})
	killed, err := Use(t.Context(), Config{Driver: Container}, nil, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	// Of another origin, though buildx would never put it there.
	text, err := json.Marshal(entry{Name: "foreign"})
	if err == nil {
		err = os.WriteFile(filepath.Join(w.deps.Dir, configDir, "instances", "foreign"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	Sweep(t.Context(), w.deps)
	left, err := os.ReadDir(filepath.Join(w.deps.Dir, configDir, "instances"))
	if err != nil || len(left) != 1 || left[0].Name() != "foreign" {
		t.Errorf("left %v, %v", left, err)
	}
	if !strings.Contains(w.log.String(), "removed a builder that a killed run left") || !strings.Contains(w.log.String(), killed.Name) {
		t.Errorf("log:\n%s", &w.log)
	}
	Sweep(t.Context(), Deps{Dir: t.TempDir()}) // a run that had made none
}

func TestSweepTellsWhatItCant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}, Fail: map[string]string{"rm": "Cannot connect to the Docker daemon"}})
	if _, err := Use(t.Context(), Config{Driver: Container}, nil, w.deps); err != nil {
		t.Fatal(err)
	}
	Sweep(t.Context(), w.deps)
	if !strings.Contains(w.log.String(), "level=WARN") || !strings.Contains(w.log.String(), "Cannot connect to the Docker daemon") {
		t.Errorf("log:\n%s", &w.log)
	}
}
