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
	"github.com/org/release-actions/internal/job"
)

var update = flag.Bool("update", false, "write the golden files anew")

var yes, no = true, false

// run is a workflow of a public repository.
var run = origin{job.Job{
	ServerURL: "https://github.com", Repository: "acme/app", Ref: "refs/tags/v1.2.3", Commit: revision, RunID: 1, RunAttempt: 1,
}}

// of returns the run of a repository that is private, or of another ref.
func of(ref string, private bool) invocation {
	o := run
	o.Ref, o.Event = ref, map[string]any{"repository": map[string]any{"private": private}}
	return invocation{origin: o}
}

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

func refs(t *testing.T, names ...string) []image.Ref {
	t.Helper()
	var refs []image.Ref
	for _, name := range names {
		ref, err := image.ParseRef(name)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return refs
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
		{"two-registries", Config{Destination: Destination{Images: repositories(t, "ghcr.io/acme/app", "acme/app")}}, invocation{}},
		{"platforms", Config{Platforms: platforms(t, "linux/amd64", "linux/arm64/v8", "linux/arm")}, invocation{}},
		{"context", Config{Build: Build{Context: "https://github.com/acme/app.git#main"}}, invocation{}},
		{"file", Config{Build: Build{File: "build/app.Dockerfile"}}, invocation{}},
		{"target", Config{Build: Build{Target: "runtime"}}, invocation{}},
		{"builder", Config{}, invocation{builder: "native"}},
		{"build-args", Config{Build: Build{BuildArgs: Lines{"VERSION=1.2.3", "NOTES=one, two\nthree \"quoted\"", "EMPTY=", "FROM_ENV", "--push=true"}}}, invocation{}},
		{"build-contexts", Config{Build: Build{BuildContexts: Lines{"alpine=docker-image://alpine:3.20", "src=../src"}}}, invocation{}},
		{"labels", Config{Build: Build{Labels: Lines{"org.opencontainers.image.title=app", `org.opencontainers.image.description=says hello, "nicely"`}}}, invocation{}},
		{"annotations", Config{Build: Build{Annotations: Lines{"manifest:org.opencontainers.image.title=app", "index:org.opencontainers.image.title=app"}}}, invocation{}},
		{"cache-from", Config{Build: Build{CacheFrom: Lines{"type=registry,ref=ghcr.io/acme/app:cache", "acme/app:cache"}}}, invocation{}},
		{"cache-to", Config{Build: Build{CacheTo: Lines{"type=registry,ref=ghcr.io/acme/app:cache,mode=max"}}}, invocation{}},
		{"no-cache", Config{Build: Build{NoCache: true}}, invocation{}},
		{"no-cache-filters", Config{Build: Build{NoCacheFilters: []string{"build", "test"}}}, invocation{}},
		{"pull", Config{Build: Build{Pull: true}}, invocation{}},
		{"provenance", Config{Attestations: Attestations{Provenance: "mode=max,version=v1"}}, invocation{origin: run}},
		{"provenance-outside-of-actions", Config{Attestations: Attestations{Provenance: "mode=max,version=v1"}}, invocation{}},
		{"provenance-true", Config{Attestations: Attestations{Provenance: "true"}}, invocation{origin: run}},
		{"provenance-false", Config{Attestations: Attestations{Provenance: "false"}}, invocation{origin: run}},
		{"provenance-own-builder", Config{Attestations: Attestations{Provenance: "mode=min,builder-id=me"}}, invocation{origin: run}},
		{"sbom", Config{Attestations: Attestations{SBOM: "generator=acme/scanner:1"}}, invocation{}},
		{"attests", Config{Attestations: Attestations{Attests: Lines{"type=provenance,mode=min", "type=sbom,disabled=true"}}}, invocation{}},
		{"add-hosts", Config{Build: Build{AddHosts: []string{"docker:10.180.0.1", "proxy:10.0.0.1"}}}, invocation{}},
		{"allow", Config{Build: Build{Allow: []string{"network.host", "security.insecure"}}}, invocation{}},
		{"cgroup-parent", Config{Build: Build{CgroupParent: "ci"}}, invocation{}},
		{"network", Config{Build: Build{Network: "host"}}, invocation{}},
		{"shm-size", Config{Build: Build{ShmSize: "2g"}}, invocation{}},
		{"ulimit", Config{Build: Build{Ulimit: Lines{"nofile=1024:1024", "nproc=3"}}}, invocation{}},
		{"ssh", Config{Build: Build{SSH: []string{"default", "deploy=./key"}}}, invocation{}},
		{"call", Config{Build: Build{Call: "check"}}, invocation{metadataFile: "/tmp/x/metadata.json", origin: run}},
		{"call-build", Config{Build: Build{Call: "build"}}, invocation{}},
		{"tags", Config{Destination: Destination{Tags: refs(t, "acme/app:1.2.3", "ghcr.io/acme/app"), Push: &yes}}, invocation{}},
		{"tags-without-push", Config{Destination: Destination{Tags: refs(t, "acme/app:1.2.3")}}, invocation{}},
		{"tags-rewrite-timestamp", Config{Destination: Destination{Tags: refs(t, "acme/app:1.2.3"), Push: &yes, RewriteTimestamp: true}}, invocation{}},
		{"load", Config{Destination: Destination{Tags: refs(t, "acme/app:dev"), Load: true}}, invocation{origin: run}},
		{"load-rewrite-timestamp", Config{Destination: Destination{Load: true, RewriteTimestamp: true}}, invocation{}},
		{"outputs", Config{Destination: Destination{Outputs: []string{"type=local,dest=out", `type=image,"name=a,b",push=true`}}}, invocation{origin: run}},
		{"outputs-docker", Config{Destination: Destination{Outputs: []string{"type=docker,dest=image.tar"}}}, invocation{origin: run}},
		{"outputs-beside-images", Config{Destination: Destination{Images: repositories(t, "acme/app"), Outputs: []string{"type=oci,dest=image.tar"}, RewriteTimestamp: true}}, invocation{}},
		{"push-true", Config{Destination: Destination{Images: repositories(t, "acme/app"), Push: &yes}}, invocation{}},
		{"push-false", Config{Destination: Destination{Images: repositories(t, "ghcr.io/acme/app", "acme/app"), Push: &no}}, invocation{layout: "/tmp/image-1", origin: run}},
		{"push-false-outputs", Config{Destination: Destination{Images: repositories(t, "acme/app"), Push: &no, Outputs: []string{"type=tar,dest=x.tar"}}}, invocation{}},
		{"rewrite-timestamp", Config{Destination: Destination{Images: repositories(t, "acme/app"), RewriteTimestamp: true}}, invocation{}},
		{"context-of-the-run", Config{}, invocation{origin: run}},
		{"context-of-a-pull-request", Config{}, of("refs/pull/7/merge", false)},
		{"context-below-it", Config{Build: Build{Context: "{{defaultContext}}:app", BuildContexts: Lines{"src={{ defaultContext }}:src", "alpine=docker-image://alpine"}}}, invocation{origin: run}},
		{"provenance-public", Config{}, of("refs/heads/main", false)},
		{"provenance-private", Config{}, of("refs/heads/main", true)},
		{"provenance-attested", Config{Attestations: Attestations{Attests: Lines{"type=provenance,mode=min"}}}, invocation{origin: run}},
		{"provenance-in-place-of-attests", Config{Attestations: Attestations{Provenance: "mode=max", SBOM: "true", Attests: Lines{"type=provenance,mode=min", "type=sbom", "type=other"}}}, invocation{}},
		{"secrets", Config{}, invocation{secretSpecs: []string{"id=token,src=/tmp/x/secret-0", `id=key,"src=/tmp/a,b/key"`}}},
		{"metadata-file", Config{}, invocation{metadataFile: "/tmp/x/metadata.json"}},
		{"release", Config{
			Destination: Destination{Images: repositories(t, "ghcr.io/acme/app", "docker.io/acme/app")},
			Platforms:   platforms(t, "linux/amd64", "linux/arm64", "linux/arm/v7"),
			Build: Build{
				Labels: Lines{"org.opencontainers.image.version=1.2.3"}, Annotations: Lines{"index:org.opencontainers.image.version=1.2.3"},
			},
		}, invocation{metadataFile: "/tmp/x/metadata.json", origin: run, secretSpecs: []string{"id=token,src=/tmp/x/secret-0"}}},
	} {
		if d := test.cfg.Destination; d.Images == nil && d.Tags == nil && d.Outputs == nil && !d.Load {
			test.cfg.Images = repositories(t, "ghcr.io/acme/app")
		}
		test.cfg.Build = test.cfg.Build.resolve(test.v.origin.gitContext())
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

// TestEveryInputReachesTheCommandLine keeps a new field from being read and
// forgotten.
func TestEveryInputReachesTheCommandLine(t *testing.T) {
	t.Parallel()
	base := Config{}.arguments(invocation{})
	for _, group := range []func(*Config) any{
		func(c *Config) any { return &c.Build },
		func(c *Config) any { return &c.Attestations },
	} {
		fields := reflect.TypeOf(group(&Config{})).Elem()
		for i := range fields.NumField() {
			var cfg Config
			switch field := reflect.ValueOf(group(&cfg)).Elem().Field(i); field.Kind() {
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			default:
				field.Set(reflect.Append(field, reflect.ValueOf("x")))
			}
			if slices.Equal(cfg.arguments(invocation{}), base) {
				t.Errorf("%s changes nothing", fields.Field(i).Name)
			}
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	repos := repositories(t, "acme/app", "docker.io/acme/app")
	for want, cfg := range map[string]Config{
		`"docker.io/acme/app" is given twice`:                              {Destination: Destination{Images: repos}},
		`inputs "images" and "tags" are both given`:                        {Destination: Destination{Images: repos[:1], Tags: refs(t, "acme/app:1")}},
		`input "push" is true, and nothing says where to`:                  {Destination: Destination{Push: &yes, Outputs: []string{"type=image"}}},
		`input "tags": "docker.io/acme/app@sha256:` + digits + `" has a d`: {Destination: Destination{Tags: refs(t, "acme/app@sha256:"+digits)}},
		`input "context": "-" is no path`:                                  {Build: Build{Context: "-"}},
		`input "file": "--push" is no path`:                                {Build: Build{File: "--push"}},
		`secret "a" is given twice`:                                        {Secrets: Mounts{Envs: []Pair{{"a", "A"}}, Files: []Pair{{"a", "./a"}}}},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for _, cfg := range []Config{
		{},
		{Destination: Destination{Images: repos[:1]}, Build: Build{Context: "."}},
		{Destination: Destination{Push: &yes, Outputs: []string{"type=image,name=acme/app"}}},
		{Destination: Destination{Push: &yes, Tags: refs(t, "acme/app")}},
	} {
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// digits are those of a digest.
var digits = strings.Repeat("0", 64)
