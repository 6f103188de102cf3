//go:build e2e

package rehearsal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// imageFor builds an image of its own into both registries, and returns it as
// sign takes it, and its digest.
func imageFor(t *testing.T, name string) (images []string, digest string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir+"/Dockerfile", "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY <<EOT /name\n"+name+"\nEOT\n")
	b, err := buildIn(t, dir, map[string]string{
		"images": "ghcr.io/acme/" + name + "\ndocker.io/acme/" + name, "platforms": "linux/amd64,linux/arm64", "provenance": "false",
	}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	digest = b.outputs["digest"]
	return []string{"ghcr.io/acme/" + name + "@" + digest, "docker.io/acme/" + name + "@" + digest}, digest
}

// TestLogsOfBothVersions has cosign verify what is in Rekor v1, in v2, and in
// both. cosign 2 takes no time but a log's, unless it is told to.
func TestLogsOfBothVersions(t *testing.T) {
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, test := range []struct {
		versions, name string
		cosign2        bool
	}{
		{"1", "logged-v1", true}, {"2", "logged-v2", false}, {"1,2", "logged-both", true},
	} {
		t.Run("rekor-version "+test.versions, func(t *testing.T) {
			images, digest := imageFor(t, test.name)
			out, err := step(t, "sign", "-images", strings.Join(images, "\n"), "-rekor-version", test.versions,
				"-signing-config", world.Env["SIGSTORE_SIGNING_CONFIG"], "-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"])
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, image := range images {
				if err := j.Signature(t.Context(), "cosign3", image, digest); err != nil {
					t.Errorf("cosign3 of %s: %v", image, err)
				}
				if err := j.Signature(t.Context(), "cosign2", image, digest); (err == nil) != test.cosign2 {
					t.Errorf("cosign2 of %s: %v", image, err)
				}
				if _, err := j.Shell(t.Context(), strings.Join([]string{"cosign2 verify --use-signed-timestamps --trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"],
					"--certificate-identity-regexp .+ --certificate-oidc-issuer-regexp .+", image}, " ")); err != nil {
					t.Errorf("cosign2 --use-signed-timestamps of %s: %v", image, err)
				}
			}
		})
	}
}

// TestAKeyPairOfCosign signs with keys that cosign makes, in a job that may not
// ask for a token, and has cosign verify that with its default flags.
func TestAKeyPairOfCosign(t *testing.T) {
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, cosign := range []string{"cosign2", "cosign3"} {
		t.Run(cosign, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := j.Shell(t.Context(), "COSIGN_PASSWORD='correct horse' "+cosign+" generate-key-pair --output-key-prefix "+filepath.Join(dir, "cosign")); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			private, err := os.ReadFile(filepath.Join(dir, "cosign.key"))
			if err != nil {
				t.Fatal(err)
			}
			images, _ := imageFor(t, "keyed-"+cosign)
			args := []string{
				"-images", strings.Join(images, "\n"), "-signing-config", world.Env["SIGSTORE_SIGNING_CONFIG"], "-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"],
			}
			vars := map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "", "COSIGN_PASSWORD": "correct horse", "SIGNING_KEY": string(private)}
			// The second run finds what the first signed, and adds the older layout.
			for n, key := range []string{"env://SIGNING_KEY", filepath.Join(dir, "cosign.key")} {
				out, err := stepWith(t, vars, "sign", append(args, "-key", key, fmt.Sprintf("-legacy=%t", n > 0))...)
				if err != nil || strings.Contains(out, "correct horse") {
					t.Fatalf("%v\n%s", err, out)
				}
				if n > 0 && !strings.Contains(out, "kept") {
					t.Errorf("run again it did not keep what was there:\n%s", out)
				}
			}
			for _, image := range images {
				for _, judge := range rehearsal.Cosigns {
					out, err := j.Run(t.Context(), judge, "verify", "--key", filepath.Join(dir, "cosign.pub"), "--trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"], image)
					if err != nil || !strings.Contains(out, "https://sigstore.dev/cosign/sign/v1") && !strings.Contains(out, "cosign container image signature") {
						t.Errorf("%s of %s: %v\n%s", judge, image, err, out)
					}
				}
			}
		})
	}
}

// TestAReleaseWithAKeyPair releases with a key, from a secret's variable on the
// step, and entries in both logs, in a job that may not ask for a token: the
// pipeline's own verify has to agree, and cosign to everything that is said.
func TestAReleaseWithAKeyPair(t *testing.T) {
	j := rehearsal.NewJudges(world.Env, "v6.0.0")
	dir := t.TempDir()
	if out, err := j.Shell(t.Context(), "COSIGN_PASSWORD='correct horse' cosign3 generate-key-pair --output-key-prefix "+filepath.Join(dir, "cosign")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	key, public := readFile(t, filepath.Join(dir, "cosign.key")), filepath.Join(dir, "cosign.pub")
	s := stage(t, func(workflow string) string {
		const step, permission = "        id: release\n        with:\n", "  id-token: write # sign without keys, as this workflow\n"
		if !strings.Contains(workflow, step) || !strings.Contains(workflow, permission) {
			t.Fatal("the workflow's text has changed")
		}
		return strings.Replace(strings.Replace(workflow, permission, "", 1), step,
			"        id: release\n        env:\n          COSIGN_PASSWORD: correct horse\n          COSIGN_PRIVATE_KEY: |\n            "+
				strings.ReplaceAll(strings.TrimSpace(key), "\n", "\n            ")+
				"\n        with:\n          rekor-version: 1,2\n          key: env://COSIGN_PRIVATE_KEY\n", 1)
	})
	out := succeed(t, s, rehearsal.Trial{Tag: "v6.0.0", Drop: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}})
	if secret := strings.Split(key, "\n")[2]; strings.Contains(out.Log, secret) || strings.Contains(out.Log, "correct horse") {
		t.Error("the log shows the key or its password")
	}
	page := release(t, "v6.0.0")
	if len(page) != 1 {
		t.Fatalf("releases: %+v", page)
	}
	if n := printedCommands(t, page[0].Body, map[string]string{"cosign.pub": readFile(t, public)}); n["verify"] != 1 || n["cosign"] != 8 {
		t.Errorf("the page has the commands %v:\n%s", n, page[0].Body)
	}
	sum := regexp.MustCompile("its SHA-256 is `([0-9a-f]{64})`").FindStringSubmatch(page[0].Body)
	if out, err := j.Shell(t.Context(), "openssl pkey -pubin -in "+public+" -outform DER | sha256sum"); err != nil || sum == nil || !strings.HasPrefix(out, sum[1]) {
		t.Errorf("the page says the key is %q, and openssl that it is %q, %v", sum, out, err)
	}
	for _, verdict := range j.Keyed(public).Judge(t.Context(), repositories, "6.0.0", platforms) {
		if verdict.Err != nil {
			t.Error(verdict)
		}
	}
	if _, err := j.Run(t.Context(), "verify", "-key", public, "-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"],
		"-repository", rehearsal.Repository, "-ref", "refs/tags/v6.0.0", "-commit", s.Commit, repositories[0]+":6.0.0"); err != nil {
		t.Error(err)
	}
}
