//go:build e2e

package rehearsal_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const (
	provenanceType = "https://slsa.dev/provenance/v1"
	spdxType       = "https://spdx.dev/Document"
)

// step runs one step's binary as a person does in a terminal, logged in by
// docker login and by no input.
func step(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	return stepWith(t, nil, name, args...)
}

// stepWith is step with further variables.
func stepWith(t *testing.T, vars map[string]string, name string, args ...string) (string, error) {
	t.Helper()
	env := maps.Clone(world.Env)
	maps.Copy(env, vars)
	env["DOCKER_CONFIG"], env["HOME"] = env["DEVSTACK_DOCKER_CONFIG"], t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join(env["RELEASE_ACTIONS_BIN"], name), args...)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// buildAttestations returns the predicate types that BuildKit attested, one
// entry for each platform and type.
func buildAttestations(t *testing.T, repository, digest string) (types []string) {
	t.Helper()
	judges := rehearsal.NewJudges(world.Env, "v0.0.0")
	read := func(digest string, value any) {
		text, err := judges.Run(t.Context(), "crane", "manifest", repository+"@"+digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), value); err != nil {
			t.Fatal(err)
		}
	}
	type descriptor struct {
		Digest      string
		Annotations map[string]string
	}
	var index struct{ Manifests []descriptor }
	read(digest, &index)
	for _, m := range index.Manifests {
		if m.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			continue
		}
		var manifest struct{ Layers []descriptor }
		read(m.Digest, &manifest)
		for _, layer := range manifest.Layers {
			types = append(types, layer.Annotations["in-toto.io/predicate-type"])
		}
	}
	slices.Sort(types)
	return types
}

func TestBuildKitAttests(t *testing.T) {
	s := stage(t, nil)
	for sbom, want := range map[string][]string{
		"false": {provenanceType, provenanceType},
		"true":  {provenanceType, provenanceType, spdxType, spdxType},
	} {
		repository := "ghcr.io/acme/attests-" + sbom
		out, err := step(t, "build-push", "-images", repository, "-platforms", "linux/amd64,linux/arm64", "-sbom", sbom, "-context", s.Repo)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		noCredential(t, "the log", out)
		pushed := regexp.MustCompile(`(?m)^` + repository + `@(sha256:\w{64})$`).FindStringSubmatch(out)
		if pushed == nil {
			t.Fatalf("no digest in:\n%s", out)
		}
		if got := buildAttestations(t, repository, pushed[1]); !slices.Equal(got, want) {
			t.Errorf("with sbom %s BuildKit attests %v, want %v", sbom, got, want)
		}
		if found := tags(t, repository); len(found) > 0 {
			t.Errorf("the build set tags: %v", found)
		}
	}
}
