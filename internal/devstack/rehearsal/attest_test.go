//go:build e2e

package rehearsal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const cycloneDXType = "https://cyclonedx.org/bom"

// attestationPosts counts the attestations that GitHub took. Preflight's question
// is none of them.
func attestationPosts(t *testing.T) (posts int) {
	t.Helper()
	log, err := world.Requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range log {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/attestations") && r.Status == http.StatusCreated {
			posts++
		}
	}
	return posts
}

// TestAttestationsAtGitHub has gh verify what a release attests: provenance and
// both SBOMs, of the tag and of each platform, as GitHub has them and as each
// registry has them.
func TestAttestationsAtGitHub(t *testing.T) {
	if err := world.BuildTools(t.Context(), "gh"); err != nil {
		t.Fatal(err)
	}
	s := stage(t, func(w string) string {
		return strings.Replace(w, "          short-description:", "          push-to-github: true\n          short-description:", 1)
	})
	if err := world.ClearRequests(t.Context()); err != nil {
		t.Fatal(err)
	}
	succeed(t, s, rehearsal.Trial{Tag: "v1.1.0"})
	approve(t, "v1.1.0", "1.1.0")
	// Of the index and three platforms, provenance and two SBOMs each.
	if posts := attestationPosts(t); posts != 12 {
		t.Errorf("GitHub was given %d attestations, want 12", posts)
	}
	j := rehearsal.NewJudges(world.Env, "v1.1.0")
	for _, repository := range repositories {
		artifacts := []string{"oci://" + repository + ":1.1.0"}
		found, err := j.Platforms(t.Context(), repository+":1.1.0")
		if err != nil {
			t.Fatal(err)
		}
		for _, digest := range found {
			artifacts = append(artifacts, "oci://"+repository+"@"+digest)
		}
		for _, artifact := range artifacts {
			for _, further := range [][]string{
				nil, {"--predicate-type", spdxType}, {"--predicate-type", cycloneDXType}, {"--bundle-from-oci"},
				{"--source-ref", "refs/tags/v1.1.0", "--source-digest", s.Commit, "--deny-self-hosted-runners",
					"--signer-workflow", rehearsal.Repository + "/" + rehearsal.Workflow},
			} {
				if _, err := j.GitHub(t.Context(), artifact, further...); err != nil {
					t.Errorf("gh refuses %s with %q: %v", artifact, further, err)
				}
			}
		}
		builtOf(t, j, repository, found, s.Commit)
		// What gh looks at it refuses, so that the above means something.
		for _, further := range [][]string{
			{"--source-ref", "refs/tags/v1.2.3"}, {"--source-digest", strings.Repeat("a", 40)}, {"--predicate-type", "https://example.com/other"},
			{"--signer-workflow", rehearsal.Repository + "/.github/workflows/other.yml"},
		} {
			if _, err := j.GitHub(t.Context(), artifacts[0], further...); err == nil {
				t.Errorf("gh accepts %s with %q", artifacts[0], further)
			}
		}
	}

	t.Run("a re-run gives GitHub nothing", func(t *testing.T) {
		before := attestationPosts(t)
		succeed(t, s, rehearsal.Trial{Tag: "v1.1.0"})
		if posts := attestationPosts(t) - before; posts != 0 {
			t.Errorf("GitHub was given %d attestations more", posts)
		}
	})
	t.Run("cosign finds reports and other predicates", furtherPredicates)
}

// builtOf compares the provenance of a release, as gh hands it on, with the commit
// and with what crane sees of BuildKit's own.
func builtOf(t *testing.T, j *rehearsal.Judges, repository string, found map[string]string, commit string) {
	t.Helper()
	type resource struct {
		URI    string
		Digest map[string]string
	}
	var provenance struct {
		Definition struct {
			Dependencies []resource `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		Details struct{ Byproducts []resource } `json:"runDetails"`
	}
	predicate, err := j.GitHub(t.Context(), "oci://"+repository+":1.1.0")
	if err == nil {
		err = json.Unmarshal(predicate, &provenance)
	}
	if err != nil {
		t.Fatal(err)
	}
	dependencies := provenance.Definition.Dependencies
	if len(dependencies) == 0 || dependencies[0].URI != "git+https://github.com/acme/hello@refs/tags/v1.1.0" || dependencies[0].Digest["gitCommit"] != commit {
		t.Errorf("it was not built of %s: %v", commit, dependencies)
	}
	if !slices.ContainsFunc(dependencies, func(r resource) bool {
		return strings.HasPrefix(r.URI, "pkg:docker/golang@") && r.Digest["sha256"] != ""
	}) {
		t.Errorf("the base image is no dependency: %v", dependencies)
	}
	if len(provenance.Details.Byproducts) != len(found) {
		t.Errorf("%d byproducts, want BuildKit's provenance of %d platforms", len(provenance.Details.Byproducts), len(found))
	}
	for _, byproduct := range provenance.Details.Byproducts {
		text, err := j.Run(t.Context(), "crane", "blob", repository+"@sha256:"+byproduct.Digest["sha256"])
		if err != nil || !strings.Contains(text, `"https://slsa.dev/provenance/v1"`) {
			t.Errorf("a byproduct is not BuildKit's provenance: %v\n%.300s", err, text)
		}
	}
}

// furtherPredicates has cosign verify what a scanner reports of one platform, and
// a predicate of no known type.
func furtherPredicates(t *testing.T) {
	const review = "https://example.com/review/v1"
	j := rehearsal.NewJudges(world.Env, "v1.2.3") // as which a step by itself signs
	index, err := j.Digest(t.Context(), repositories[0]+":1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	found, err := j.Platforms(t.Context(), repositories[0]+":1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	scanned := found["linux/arm64"]
	report, predicate := filepath.Join(t.TempDir(), "report.json"), filepath.Join(t.TempDir(), "review.json")
	writeFile(t, report, `{"invocation":{"parameters":null,"uri":"","event_id":"","builder.id":""},
 "scanner":{"uri":"pkg:github/aquasecurity/trivy@0.69.3","version":"0.69.3","db":{"uri":"","version":""},
  "result":{"SchemaVersion":2,"ArtifactName":"ghcr.io/acme/hello@`+scanned+`","Results":[]}},
 "metadata":{"scanStartedOn":"2026-01-02T03:04:05Z","scanFinishedOn":"2026-01-02T03:04:06Z"}}`)
	writeFile(t, predicate, `{"by":"octocat"}`)
	out, err := step(t, "attest", "-images", repositories[0]+"@"+index+"\n"+repositories[1]+"@"+index, "-build-provenance=false",
		"-vulnerability-reports", report, "-predicate-type", review, "-predicate-path", predicate, "-output-dir", t.TempDir(),
		"-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"], "-signing-config", world.Env["SIGSTORE_SIGNING_CONFIG"])
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, repository := range repositories {
		for _, cosign := range []string{"cosign2", "cosign3"} {
			for kind, digest := range map[string]string{"vuln": scanned, review: index} {
				if err := j.Attestation(t.Context(), cosign, kind, repository+"@"+digest, digest); err != nil {
					t.Errorf("%s refuses %s of %s: %v", cosign, kind, repository, err)
				}
			}
			if err := j.Attestation(t.Context(), cosign, "vuln", repository+"@"+index, index); err == nil {
				t.Errorf("%s finds a report of the index, which nobody scanned", cosign)
			}
		}
	}
}

// TestChecksumsAreAttested has gh and cosign verify files that no registry has.
func TestChecksumsAreAttested(t *testing.T) {
	if err := world.BuildTools(t.Context(), "gh"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var lines strings.Builder
	files := []string{filepath.Join(dir, "hello_linux_amd64"), filepath.Join(dir, "hello_linux_arm64")}
	for _, path := range files {
		writeFile(t, path, "the program "+path)
		sum := sha256.Sum256([]byte("the program " + path))
		lines.WriteString(hex.EncodeToString(sum[:]) + "  " + filepath.Base(path) + "\n")
	}
	checksums, bundles := filepath.Join(dir, "checksums.txt"), filepath.Join(dir, "bundles")
	writeFile(t, checksums, lines.String())
	attest := func() {
		t.Helper()
		out, err := stepWith(t, map[string]string{"GITHUB_REPOSITORY": rehearsal.Repository, "INPUT_GITHUB-TOKEN": world.Env["GITHUB_TOKEN"]}, "attest", "-checksums", checksums, "-output-dir", bundles, "-push-to-github",
			"-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"], "-signing-config", world.Env["SIGSTORE_SIGNING_CONFIG"])
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		noCredential(t, "the log", out)
	}
	if err := world.ClearRequests(t.Context()); err != nil {
		t.Fatal(err)
	}
	attest()
	attest()
	if posts := attestationPosts(t); posts != 1 {
		t.Errorf("GitHub was given %d attestations by two runs, want 1", posts)
	}
	bundle := filepath.Join(bundles, "checksums.txt.provenance.sigstore.json")
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, path := range files {
		for _, further := range [][]string{nil, {"--bundle", bundle}} {
			if _, err := j.GitHub(t.Context(), path, further...); err != nil {
				t.Errorf("gh refuses %s with %q: %v", path, further, err)
			}
		}
		for _, cosign := range []string{"cosign2", "cosign3"} {
			args := []string{"verify-blob-attestation", "--bundle", bundle, "--new-bundle-format", "--type", "slsaprovenance1", "--trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"],
				"--certificate-identity", "https://github.com/" + rehearsal.Repository + "/" + rehearsal.Workflow + "@refs/tags/v1.2.3", "--certificate-oidc-issuer", rehearsal.Issuer}
			if _, err := j.Run(t.Context(), cosign, append(slices.Clone(args), path)...); err != nil {
				t.Errorf("%s refuses %s: %v", cosign, path, err)
			}
		}
	}
	stranger := filepath.Join(dir, "stranger")
	writeFile(t, stranger, "another program")
	for _, further := range [][]string{nil, {"--bundle", bundle}} {
		if _, err := j.GitHub(t.Context(), stranger, further...); err == nil {
			t.Errorf("gh accepts a file that is in no checksums, with %q", further)
		}
	}
}
