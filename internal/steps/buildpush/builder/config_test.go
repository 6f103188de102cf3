package builder

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

func TestCommandLines(t *testing.T) {
	t.Parallel()
	arm := platforms(t, "linux/arm64", "linux/arm/v7")
	var got strings.Builder
	for _, test := range []struct {
		name   string
		cfg    Config
		config string
	}{
		{"default", Config{}, ""},
		{"docker-container", Config{Driver: Container, DriverOpts: []string{"network=host", `"env.no_proxy=localhost,127.0.0.1"`}}, ""},
		{"docker-container, another image", Config{Driver: Container, DriverOpts: []string{"image=mirror.example.com/buildkit:v1"}}, ""},
		{"docker-container, another image among options", Config{DriverOpts: []string{"network=host,image=mirror.example.com/buildkit:v1"}}, ""},
		{"docker-container on a context", Config{Endpoint: "other", NodePlatforms: arm}, ""},
		{"docker-container, configured", Config{Flags: "--debug --allow-insecure-entitlement security.insecure"}, "/tmp/x/buildkitd.toml"},
		{"docker-container, several nodes", Config{Append: Nodes{
			{Name: "arm", Endpoint: "ssh://me@arm.example.com", Platforms: arm, DriverOpts: []string{"memory=4g"}, Flags: "--debug"},
			{Endpoint: "other"},
		}}, "/tmp/x/buildkitd.toml"},
		{"remote", Config{Driver: Remote, Endpoint: "tcp://buildkit.example.com:1234", DriverOpts: []string{"cacert=/certs/ca.pem", "cert=/certs/cert.pem", "key=/certs/key.pem", "servername=buildkit"}}, ""},
		{"remote, several nodes", Config{Driver: Remote, Endpoint: "tcp://amd64.example.com:1234", NodePlatforms: platforms(t, "linux/amd64"), Append: Nodes{
			{Name: "arm", Endpoint: "tcp://arm.example.com:1234", Platforms: arm},
			{Endpoint: "unix:///run/buildkit/buildkitd.sock", DriverOpts: []string{"timeout=1m"}},
		}}, ""},
		{"kubernetes", Config{Driver: Kubernetes, DriverOpts: []string{"namespace=buildkit", "replicas=2"}, NodePlatforms: platforms(t, "linux/amd64")}, ""},
		{"kubernetes, several nodes", Config{Driver: Kubernetes, Flags: "--debug", Append: Nodes{
			{Name: "arm", Platforms: arm, DriverOpts: []string{"nodeselector=kubernetes.io/arch=arm64", "image=mirror.example.com/buildkit:v1"}},
		}}, "/tmp/x/buildkitd.toml"},
	} {
		if err := test.cfg.Validate(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		fmt.Fprintf(&got, "== %s\n", test.name)
		for _, args := range test.cfg.create("release-actions-0", test.config) {
			fmt.Fprintf(&got, "%s\n", strings.Join(args, "\n  "))
		}
	}
	golden(t, "commands.txt", got.String())
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		`input "builder" names a builder that is there, and "driver", "append" describe one to make`:             {Name: "mine", Driver: Container, Append: Nodes{{}}},
		`inputs "buildkitd-config" and "buildkitd-config-inline" are both given`:                                 {File: "a", Inline: "b"},
		`input "endpoint" is missing, which the driver remote needs`:                                             {Driver: Remote},
		`input "append": node 2: endpoint is missing, which the driver remote needs`:                             {Driver: Remote, Endpoint: "tcp://a:1", Append: Nodes{{Endpoint: "tcp://b:1"}, {Name: "c"}}},
		`"mirrors" have no effect on a BuildKit that runs already (driver: remote)`:                              {Driver: Remote, Endpoint: "tcp://a:1", Mirrors: []Mirror{{"docker.io", "m"}}},
		`input "buildkitd-flags" has no effect on a BuildKit that runs already (driver: remote)`:                 {Driver: Remote, Endpoint: "tcp://a:1", Flags: "--debug"},
		`input "append": node 1: buildkitd-flags has no effect on a BuildKit that runs already (driver: remote)`: {Driver: Remote, Endpoint: "tcp://a:1", Append: Nodes{{Endpoint: "tcp://b:1", Flags: "--debug"}}},
		`input "endpoint": the driver kubernetes takes none`:                                                     {Driver: Kubernetes, Endpoint: "my-cluster"},
		`input "endpoint": "--use" is no endpoint`:                                                               {Endpoint: "--use"},
		`input "driver-opts": item 2 is not name=value`:                                                          {DriverOpts: []string{"network=host", "planted-secret"}},
		`input "append": node 1: driver-opts: item 1 is not name=value`:                                          {Append: Nodes{{DriverOpts: []string{"=planted-secret"}}}},
		`input "append": node 2: name: "arm" is given twice`:                                                     {Append: Nodes{{Name: "arm"}, {Name: "arm"}}},
		`input "mirrors": "docker.io=m" is given twice`:                                                          {Mirrors: []Mirror{{"docker.io", "m"}, {"docker.io", "m"}}},
	} {
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
			continue
		}
		if len(hint.Of(err)) != 1 || strings.Contains(err.Error(), "planted-secret") {
			t.Errorf("error %v, mends %q", err, hint.Of(err))
		}
	}
}

func TestDrivers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"docker-container", "remote", "kubernetes"} {
		var d Driver
		if err := d.UnmarshalText([]byte(name)); err != nil || string(d) != name {
			t.Errorf("%s: %q, %v", name, d, err)
		}
	}
	for name, want := range map[string]string{"docker": "by its digest", "podman": `there is no driver "podman"`} {
		var d Driver
		if err := d.UnmarshalText([]byte(name)); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) != 1 {
			t.Errorf("%s: error %v, mends %q", name, err, hint.Of(err))
		}
	}
}
