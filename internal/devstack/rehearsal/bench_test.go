//go:build e2e

package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// BenchmarkSignAndAttest signs an index of three platforms in two registries
// and attaches two SBOMs to each of its four digests, with our two processes and
// with a cosign process for each signature in each registry. No image is signed
// twice, and cosign has to accept the last one, whoever signed it. The registries
// are on loopback, then so far away that a cosign process takes the half second
// that it takes on a good line, and then as far as on the internet.
func BenchmarkSignAndAttest(b *testing.B) {
	for _, away := range []time.Duration{0, 25 * time.Millisecond, 80 * time.Millisecond} {
		b.Run(away.String(), func(b *testing.B) {
			farAway(b, away, "ghcr.io", "index.docker.io")
			benchmarkSignAndAttest(b)
		})
	}
}

func benchmarkSignAndAttest(b *testing.B) {
	b.Helper()
	for _, by := range []struct {
		name string
		sign func(testing.TB, candidate)
	}{{"release-actions", signAndAttest}, {"cosign3", cosignSignAndAttest}} {
		b.Run(by.name, func(b *testing.B) {
			var c candidate
			for b.Loop() {
				b.StopTimer()
				c = push(b, benched)
				b.StartTimer()
				by.sign(b, c)
			}
			cosignVerify(b, c)
		})
	}
}

// farAway has the hosts answer so much later, until the benchmark ends.
func farAway(b *testing.B, delay time.Duration, hosts ...string) {
	b.Helper()
	if delay == 0 {
		return
	}
	for _, host := range hosts {
		if err := world.Delay(b.Context(), host, delay); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		if err := world.ClearFaults(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkVerify checks one signed image: every signature and every SBOM of
// four digests in two registries, 24 bundles.
func BenchmarkVerify(b *testing.B) {
	c := push(b, benched)
	signAndAttest(b, c)
	b.Run("release-actions", func(b *testing.B) {
		for b.Loop() {
			verify(b, c)
		}
	})
	b.Run("cosign3", func(b *testing.B) {
		for b.Loop() {
			cosignVerify(b, c)
		}
	})
}

// benched are the repositories that the benchmarks push to.
var benched = []string{"ghcr.io/acme/bench", "docker.io/acme/bench"}

// candidate is an image that is pushed and not yet signed.
type candidate struct {
	repositories []string
	digests      []string // of the index, and of each platform's image
	dir          string   // holds the SBOMs
}

// kinds are the SBOMs of each digest, as cosign calls their types, and the least
// that says which image a document is about.
var kinds = map[string]string{
	"spdxjson": `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"bench",
 "documentNamespace":"https://example.com/bench","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: bench"]},
 "documentDescribes":["SPDXRef-image"],"packages":[{"name":"bench","SPDXID":"SPDXRef-image","downloadLocation":"NOASSERTION",
 "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":%q}]}]}`,
	"cyclonedx": `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
 "metadata":{"component":{"type":"container","name":"bench","bom-ref":"image","purl":%q}}}`,
}

func (c candidate) sbom(digest, kind string) string {
	return filepath.Join(c.dir, digest+"."+kind+".json")
}

// push pushes an image with random content.
func push(tb testing.TB, repositories []string) candidate {
	tb.Helper()
	var index v1.ImageIndex = empty.Index
	for _, text := range platforms {
		platform, err := v1.ParsePlatform(text)
		if err != nil {
			tb.Fatal(err)
		}
		image, err := random.Image(1024, 1)
		if err != nil {
			tb.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	digest, err := index.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		tb.Fatal(err)
	}
	c := candidate{repositories: repositories, digests: []string{digest.String()}, dir: tb.TempDir()}
	for _, child := range manifest.Manifests {
		c.digests = append(c.digests, child.Digest.String())
	}
	for _, repository := range c.repositories {
		target, err := name.NewRepository(repository)
		if err != nil {
			tb.Fatal(err)
		}
		host, _, _ := strings.Cut(repository, "/")
		if err := remote.WriteIndex(target.Digest(digest.String()), index, newForger(tb, host).options...); err != nil {
			tb.Fatal(err)
		}
	}
	for _, digest := range c.digests {
		for kind, text := range kinds {
			purl := "pkg:oci/bench@" + strings.Replace(digest, ":", "%3A", 1)
			if err := os.WriteFile(c.sbom(digest, kind), fmt.Appendf(nil, text, purl), 0o600); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return c
}

func signAndAttest(tb testing.TB, c candidate) {
	tb.Helper()
	signAndAttestWith(tb, c, nil, nil)
}

// signAndAttestWith gives further inputs to both steps and to attest alone.
func signAndAttestWith(tb testing.TB, c candidate, both, attest map[string]string) {
	tb.Helper()
	var sboms []string
	for _, digest := range c.digests {
		for kind := range kinds {
			sboms = append(sboms, c.sbom(digest, kind))
		}
	}
	signing := map[string]string{"signing-config": world.Env["SIGSTORE_SIGNING_CONFIG"], "output-dir": c.dir}
	maps.Copy(signing, both)
	runStep(tb, "sign", c, signing)
	// What the cosign processes do is measured, which is no provenance.
	signing["sboms"], signing["build-provenance"] = strings.Join(sboms, "\n"), "false"
	maps.Copy(signing, attest)
	runStep(tb, "attest", c, signing)
}

func verify(tb testing.TB, c candidate) {
	tb.Helper()
	runStep(tb, "verify", c, map[string]string{
		"platforms":               strings.Join(platforms, ","),
		"attestations":            "spdx,cyclonedx", // as cosign is asked
		"certificate-identity":    "https://github.com/" + rehearsal.Repository + "/" + rehearsal.Workflow + "@refs/tags/v1.2.3",
		"certificate-oidc-issuer": rehearsal.Issuer,
	})
}

// runStep runs one of our programs as the root action does.
func runStep(tb testing.TB, name string, c candidate, inputs map[string]string) {
	tb.Helper()
	inputs = maps.Clone(inputs)
	maps.Copy(inputs, map[string]string{
		"images":             strings.Join(c.repositories, "@"+c.digests[0]+"\n") + "@" + c.digests[0],
		"trusted-root":       world.Env["SIGSTORE_TRUSTED_ROOT"],
		"github-token":       world.Env["GITHUB_TOKEN"],
		"dockerhub-username": world.Env["DOCKERHUB_USERNAME"],
		"dockerhub-token":    world.Env["DOCKERHUB_TOKEN"],
	})
	env := map[string]string{}
	for input, value := range inputs {
		env["INPUT_"+strings.ToUpper(input)] = value
	}
	execute(tb, env, filepath.Join(world.Env["RELEASE_ACTIONS_BIN"], name))
}

// cosignSignAndAttest does what a workflow does without us, but with one
// identity token for all processes.
func cosignSignAndAttest(tb testing.TB, c candidate) {
	tb.Helper()
	token := filepath.Join(c.dir, "token")
	if err := os.WriteFile(token, []byte(identityToken(tb)), 0o600); err != nil {
		tb.Fatal(err)
	}
	cosign := func(command, image string, args ...string) {
		args = append([]string{command, image, "--yes", "--identity-token", token,
			"--signing-config", world.Env["SIGSTORE_SIGNING_CONFIG_V1"], "--trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"]}, args...)
		execute(tb, map[string]string{"DOCKER_CONFIG": world.Env["DEVSTACK_DOCKER_CONFIG"]}, filepath.Join(world.Env["DEVSTACK_BIN"], "cosign3"), args...)
	}
	for _, repository := range c.repositories {
		for _, digest := range c.digests {
			cosign("sign", repository+"@"+digest)
			for kind := range kinds {
				cosign("attest", repository+"@"+digest, "--type", kind, "--predicate", c.sbom(digest, kind))
			}
		}
	}
}

// identityToken asks the issuer for a token, as a job does.
func identityToken(tb testing.TB) string {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, world.Env["ACTIONS_ID_TOKEN_REQUEST_URL"]+"&audience=sigstore", nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+world.Env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	resp, err := http.DefaultClient.Do(req) // it serves on loopback, beside the proxy
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Value == "" {
		tb.Fatalf("the issuer answers %s without a token, %v", resp.Status, err)
	}
	return answer.Value
}

func cosignVerify(tb testing.TB, c candidate) {
	tb.Helper()
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, repository := range c.repositories {
		for _, digest := range c.digests {
			image := repository + "@" + digest
			if err := j.Signature(tb.Context(), "cosign3", image, digest); err != nil {
				tb.Fatal(err)
			}
			for kind := range kinds {
				if err := j.Attestation(tb.Context(), "cosign3", kind, image, digest); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
}

// execute runs a program in the world, with further variables.
func execute(tb testing.TB, env map[string]string, program string, args ...string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), program, args...)
	for _, vars := range []map[string]string{world.Env, env} {
		for name, value := range vars {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}
