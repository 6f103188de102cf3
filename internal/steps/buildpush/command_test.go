package buildpush

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
)

var update = flag.Bool("update", false, "write the golden files anew")

const runURL = "https://github.com/acme/app/actions/runs/1/attempts/1"

func repositories(t *testing.T, names ...string) []image.Repository {
	t.Helper()
	var repos []image.Repository
	for _, name := range names {
		repo, err := image.ParseRepository(name)
		if err != nil {
			t.Fatal(err)
		}
		repos = append(repos, repo)
	}
	return repos
}

func platforms(t *testing.T, names ...string) []image.Platform {
	t.Helper()
	var platforms []image.Platform
	for _, name := range names {
		p, err := image.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}
		platforms = append(platforms, p)
	}
	return platforms
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, test := range []struct {
		name string
		cfg  Config
		v    invocation
	}{
		{"nothing-but-images", Config{}, invocation{}},
		{"two-registries", Config{Images: repositories(t, "ghcr.io/acme/app", "acme/app")}, invocation{}},
		{"platforms", Config{Platforms: platforms(t, "linux/amd64", "linux/arm64/v8", "linux/arm")}, invocation{}},
		{"context", Config{Build: Build{Context: "https://github.com/acme/app.git#main"}}, invocation{}},
		{"file", Config{Build: Build{File: "build/app.Dockerfile"}}, invocation{}},
		{"target", Config{Build: Build{Target: "runtime"}}, invocation{}},
		{"builder", Config{Build: Build{Builder: "native"}}, invocation{}},
		{"build-args", Config{Build: Build{BuildArgs: Lines{"VERSION=1.2.3", "NOTES=one, two\nthree \"quoted\"", "EMPTY=", "FROM_ENV", "--push=true"}}}, invocation{}},
		{"build-contexts", Config{Build: Build{BuildContexts: Lines{"alpine=docker-image://alpine:3.20", "src=../src"}}}, invocation{}},
		{"labels", Config{Build: Build{Labels: Lines{"org.opencontainers.image.title=app", `org.opencontainers.image.description=says hello, "nicely"`}}}, invocation{}},
		{"annotations", Config{Build: Build{Annotations: Lines{"manifest:org.opencontainers.image.title=app", "index:org.opencontainers.image.title=app"}}}, invocation{}},
		{"cache-from", Config{Build: Build{CacheFrom: Lines{"type=registry,ref=ghcr.io/acme/app:cache", "acme/app:cache"}}}, invocation{}},
		{"cache-to", Config{Build: Build{CacheTo: Lines{"type=registry,ref=ghcr.io/acme/app:cache,mode=max"}}}, invocation{}},
		{"no-cache", Config{Build: Build{NoCache: true}}, invocation{}},
		{"no-cache-filters", Config{Build: Build{NoCacheFilters: []string{"build", "test"}}}, invocation{}},
		{"pull", Config{Build: Build{Pull: true}}, invocation{}},
		{"provenance", Config{Build: Build{Provenance: "mode=max,version=v1"}}, invocation{builderID: runURL}},
		{"provenance-outside-of-actions", Config{Build: Build{Provenance: "mode=max,version=v1"}}, invocation{}},
		{"provenance-true", Config{Build: Build{Provenance: "true"}}, invocation{builderID: runURL}},
		{"provenance-false", Config{Build: Build{Provenance: "false"}}, invocation{builderID: runURL}},
		{"provenance-own-builder", Config{Build: Build{Provenance: "mode=min,builder-id=me"}}, invocation{builderID: runURL}},
		{"sbom", Config{Build: Build{SBOM: "generator=acme/scanner:1"}}, invocation{}},
		{"attests", Config{Build: Build{Attests: Lines{"type=provenance,mode=min", "type=sbom,disabled=true"}}}, invocation{}},
		{"add-hosts", Config{Build: Build{AddHosts: []string{"docker:10.180.0.1", "proxy:10.0.0.1"}}}, invocation{}},
		{"allow", Config{Build: Build{Allow: []string{"network.host", "security.insecure"}}}, invocation{}},
		{"cgroup-parent", Config{Build: Build{CgroupParent: "ci"}}, invocation{}},
		{"network", Config{Build: Build{Network: "host"}}, invocation{}},
		{"shm-size", Config{Build: Build{ShmSize: "2g"}}, invocation{}},
		{"ulimit", Config{Build: Build{Ulimit: Lines{"nofile=1024:1024", "nproc=3"}}}, invocation{}},
		{"ssh", Config{Build: Build{SSH: []string{"default", "deploy=./key"}}}, invocation{}},
		{"secrets", Config{}, invocation{secretSpecs: []string{"id=token,src=/tmp/x/secret-0", `id=key,"src=/tmp/a,b/key"`}}},
		{"metadata-file", Config{}, invocation{metadataFile: "/tmp/x/metadata.json"}},
		{"release", Config{
			Images:    repositories(t, "ghcr.io/acme/app", "docker.io/acme/app"),
			Platforms: platforms(t, "linux/amd64", "linux/arm64", "linux/arm/v7"),
			Build: Build{
				Context: ".", Provenance: "mode=max,version=v1", SBOM: "false",
				Labels: Lines{"org.opencontainers.image.version=1.2.3"}, Annotations: Lines{"index:org.opencontainers.image.version=1.2.3"},
			},
		}, invocation{metadataFile: "/tmp/x/metadata.json", builderID: runURL, secretSpecs: []string{"id=token,src=/tmp/x/secret-0"}}},
	} {
		if test.cfg.Images == nil {
			test.cfg.Images = repositories(t, "ghcr.io/acme/app")
		}
		if test.cfg.Build.Context == "" {
			test.cfg.Build.Context = "."
		}
		got.WriteString("== " + test.name + "\n")
		for _, arg := range test.cfg.arguments(test.v) {
			got.WriteString(strings.ReplaceAll(arg, "\n", `\n`) + "\n")
		}
	}
	golden(t, "commands.txt", got.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs: got\n%s", path, got)
	}
}

// TestEveryBuildInputReachesTheCommandLine keeps a new field of Build from
// being read and forgotten.
func TestEveryBuildInputReachesTheCommandLine(t *testing.T) {
	t.Parallel()
	base := Config{}.arguments(invocation{})
	for i := range reflect.TypeFor[Build]().NumField() {
		var cfg Config
		switch field := reflect.ValueOf(&cfg.Build).Elem().Field(i); field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Bool:
			field.SetBool(true)
		default:
			field.Set(reflect.Append(field, reflect.ValueOf("x")))
		}
		if slices.Equal(cfg.arguments(invocation{}), base) {
			t.Errorf("%s changes nothing", reflect.TypeFor[Build]().Field(i).Name)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	repos := repositories(t, "acme/app", "docker.io/acme/app")
	for want, cfg := range map[string]Config{
		`"docker.io/acme/app" is given twice`: {Images: repos},
		`input "context": "-" is no path`:     {Build: Build{Context: "-"}},
		`input "file": "--push" is no path`:   {Build: Build{File: "--push"}},
		`secret "a" is given twice`:           {Secrets: Mounts{Envs: []Pair{{"a", "A"}}, Files: []Pair{{"a", "./a"}}}},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := (Config{Images: repos[:1], Build: Build{Context: "."}}).Validate(); err != nil {
		t.Error(err)
	}
}
