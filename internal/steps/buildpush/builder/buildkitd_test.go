package builder

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/org/release-actions/internal/hint"
)

func TestMirrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Mirror{
		"docker.io=mirror.example.com":                       {"docker.io", "mirror.example.com"},
		"index.docker.io = mirror.example.com:5000/docker/ ": {"docker.io", "mirror.example.com:5000/docker"},
		"ghcr.io=127.0.0.1:5000":                             {"ghcr.io", "127.0.0.1:5000"},
	} {
		var got Mirror
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"mirror.example.com":                   "is not host=mirror",
		"=mirror.example.com":                  "is not host=mirror",
		"docker.io=":                           "is not host=mirror",
		"docker.io=a b":                        "is not host=mirror",
		"docker.io=https://mirror.example.com": "has a scheme",
	} {
		var got Mirror
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) != 1 {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestMirrorsAreMergedIntoTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text    string
		mirrors []Mirror
		want    map[string]any
	}{
		"none before": {"", []Mirror{{"docker.io", "a"}, {"docker.io", "b"}, {"ghcr.io", "c"}}, map[string]any{
			"registry": map[string]any{"docker.io": map[string]any{"mirrors": []any{"a", "b"}}, "ghcr.io": map[string]any{"mirrors": []any{"c"}}},
		}},
		"beside the rest": {"debug = true\n[registry.\"docker.io\"]\n  mirrors = [\"old\"]\n  http = true\n[worker.oci]\n  max-parallelism = 4\n", []Mirror{{"docker.io", "a"}}, map[string]any{
			"debug":    true,
			"registry": map[string]any{"docker.io": map[string]any{"mirrors": []any{"a", "old"}, "http": true}},
			"worker":   map[string]any{"oci": map[string]any{"max-parallelism": int64(4)}},
		}},
	} {
		out, err := withMirrors([]byte(test.text), test.mirrors)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := map[string]any{}
		if err := toml.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got\n%s%v", name, out, err)
		}
	}
}

func TestConfigurationThatIsNone(t *testing.T) {
	t.Parallel()
	mirror := []Mirror{{"docker.io", "a"}}
	for text, want := range map[string]string{
		"debug = ":                      "it is not TOML",
		"registry = 1":                  `"registry" is not a table`,
		"[registry]\n\"docker.io\" = 1": `"docker.io" is not a table`,
		"[registry.\"docker.io\"]\nmirrors = \"a\"": "mirrors is not a list",
	} {
		cfg := Config{Inline: text, Mirrors: mirror}
		if _, err := cfg.buildkitdConfig(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `input "buildkitd-config-inline": `) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	// A slip is found without mirrors, too: no container starts for it.
	if _, err := (Config{Inline: "debug = "}).buildkitdConfig(t.TempDir(), ""); err == nil {
		t.Error("no error")
	}
	_, err := Config{File: "/nowhere/buildkitd.toml"}.buildkitdConfig(t.TempDir(), "")
	if err == nil || !strings.Contains(err.Error(), `input "buildkitd-config": `) || len(hint.Of(err)) != 1 {
		t.Errorf("error %v, mends %q", err, hint.Of(err))
	}
}

func TestWhereTheConfigurationComesFrom(t *testing.T) {
	t.Parallel()
	given := t.TempDir()
	file, fallback := filepath.Join(given, "a.toml"), filepath.Join(given, "buildkitd.default.toml")
	for path, text := range map[string]string{file: "debug = true\n", fallback: "trace = true\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mirror := []Mirror{{"docker.io", "a"}}
	for name, test := range map[string]struct {
		cfg      Config
		fallback string
		path     string // "" for a file of our own
		parts    []string
	}{
		"none":                  {Config{}, "", "none", nil},
		"file":                  {Config{File: file}, fallback, file, []string{"debug"}},
		"file with mirrors":     {Config{File: file, Mirrors: mirror}, fallback, "", []string{"debug", "mirrors"}},
		"inline":                {Config{Inline: "insecure-entitlements = []"}, fallback, "", []string{"insecure"}},
		"the user's":            {Config{}, fallback, fallback, []string{"trace"}},
		"the user's, mirrored":  {Config{Mirrors: mirror}, fallback, "", []string{"trace", "mirrors"}},
		"mirrors":               {Config{Mirrors: mirror}, "", "", []string{"mirrors"}},
		"remote, which has own": {Config{Driver: Remote}, fallback, "none", nil},
	} {
		dir := t.TempDir()
		path, err := test.cfg.buildkitdConfig(dir, test.fallback)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := map[string]string{"": filepath.Join(dir, "buildkitd.toml"), "none": ""}[test.path]
		if test.path != "" && test.path != "none" {
			want = test.path
		}
		if path != want {
			t.Errorf("%s: %q, want %q", name, path, want)
		}
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range test.parts {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: no %q in\n%s", name, part, text)
			}
		}
	}
}

func TestConfigurationReachesEveryNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}})
	if err := os.WriteFile(filepath.Join(w.dir, "config", "buildkitd.default.toml"), []byte("debug = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Use(t.Context(), Config{Mirrors: []Mirror{{"docker.io", "mirror.example.com"}}, Append: Nodes{{Endpoint: "other"}}}, nil, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	created := 0
	for _, c := range w.calls(t, true) {
		if c.Args[0] == "create" {
			created++
			if !strings.Contains(c.Toml, "mirror.example.com") || !strings.Contains(c.Toml, "debug = true") {
				t.Errorf("%v with\n%s", c.Args, c.Toml)
			}
		}
	}
	if created != 2 {
		t.Errorf("%d nodes", created)
	}
}

func FuzzMirrors(f *testing.F) {
	f.Add("docker.io=a", "[registry.\"docker.io\"]\nmirrors = [\"b\"]\n")
	f.Add("ghcr.io=a", "registry = 1")
	f.Fuzz(func(t *testing.T, mirror, text string) {
		var m Mirror
		if m.UnmarshalText([]byte(mirror)) != nil {
			return
		}
		out, err := withMirrors([]byte(text), []Mirror{m})
		if err != nil {
			return
		}
		var got struct {
			Registry map[string]struct{ Mirrors []string }
		}
		if err := toml.Unmarshal(out, &got); err == nil && (len(got.Registry[m.Host].Mirrors) == 0 || got.Registry[m.Host].Mirrors[0] != m.Mirror) {
			t.Errorf("%v isn't the first in\n%s", m, out)
		}
	})
}
