//go:build e2e

package rehearsal_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// pushing runs a step that pushes by digest to all repositories, and returns
// the digest.
func pushing(t *testing.T, repositories []string, name string, args ...string) string {
	t.Helper()
	args = append([]string{"-images", strings.Join(repositories, "\n")}, args...)
	// The commit's date, since two builds must not differ in theirs.
	out, err := stepWith(t, map[string]string{"SOURCE_DATE_EPOCH": "1767323045"}, name, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	noCredential(t, "the log", out)
	pushed := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(repositories[1]) + `@(sha256:\w{64})$`).FindStringSubmatch(out)
	if pushed == nil {
		t.Fatalf("no digest in:\n%s", out)
	}
	return pushed[1]
}

// TestMergedImageIsThatOfASingleBuild builds each platform by itself and merges
// them, and has crane, buildx and cosign compare that with a single build.
func TestMergedImageIsThatOfASingleBuild(t *testing.T) {
	s := stage(t, nil)
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	const manifests, ofIndex = "manifest:org.example.level=manifest", "index:org.opencontainers.image.description=Says hello\nmanifest-descriptor:org.example.level=descriptor"
	for _, test := range []struct {
		name, provenance, builds string
		attestations             []string
	}{
		// BuildKit refuses to annotate an index where it writes none.
		{"plain", "false", manifests, nil},
		{"attested", "mode=max,version=v1", manifests + "\n" + ofIndex, []string{provenanceType, provenanceType, provenanceType}},
	} {
		t.Run(test.name, func(t *testing.T) {
			repositories := []string{"ghcr.io/acme/merge-" + test.name, "docker.io/acme/merge-" + test.name}
			build := func(platforms, annotations string) string {
				return pushing(t, repositories, "build-push", "-context", s.Repo, "-platforms", platforms, "-provenance", test.provenance, "-annotations", annotations)
			}
			single := build(strings.Join(platforms, ","), manifests+"\n"+ofIndex)
			var digests []string
			for _, platform := range slices.Backward(platforms) {
				digests = append(digests, platform+"="+build(platform, test.builds))
			}
			merge := func() string {
				return pushing(t, repositories, "merge", "-platforms", strings.Join(platforms, ","), "-digests", strings.Join(digests, "\n"), "-annotations", manifests+"\n"+ofIndex)
			}
			merged := merge()
			if again := merge(); again != merged {
				t.Errorf("a second merge makes %s, and the first made %s", again, merged)
			}
			if test.attestations == nil && merged != single {
				t.Errorf("the index is %s, and that of a single build is %s", merged, single)
			}
			for _, repository := range repositories {
				equal(t, j, repository+"@"+merged, repository+"@"+single)
				if got := buildAttestations(t, repository, merged); !slices.Equal(got, test.attestations) {
					t.Errorf("%s has the attestations %v, want %v", repository, got, test.attestations)
				}
				if found := tags(t, repository); len(found) > 0 {
					t.Errorf("the merge set tags: %v", found)
				}
				if test.attestations != nil {
					provenance(t, j, repository+"@"+merged)
				}
			}
			accepted(t, j, repositories, merged)
		})
	}
}

// equal compares two indexes as crane reads them: all but what attestations are
// of, which holds times.
func equal(t *testing.T, j *rehearsal.Judges, merged, single string) {
	t.Helper()
	type descriptor struct {
		MediaType   string
		Digest      string
		Size        int64
		Annotations map[string]string
		Platform    map[string]string
	}
	read := func(ref string) string {
		text, err := j.Run(t.Context(), "crane", "manifest", ref)
		if err != nil {
			t.Fatal(err)
		}
		var index struct {
			MediaType   string
			Annotations map[string]string
			Manifests   []descriptor
		}
		if err := json.Unmarshal([]byte(text), &index); err != nil {
			t.Fatal(err)
		}
		for i, m := range index.Manifests {
			if m.Platform["os"] == "unknown" {
				index.Manifests[i].Digest, index.Manifests[i].Size = "", 0
			}
		}
		out, err := json.MarshalIndent(index, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if got, want := read(merged), read(single); got != want {
		t.Errorf("%s is\n%s\nand the single build is\n%s", merged, got, want)
	}
}

// provenance has buildx read the provenance of every platform through the index.
func provenance(t *testing.T, j *rehearsal.Judges, ref string) {
	t.Helper()
	out, err := j.Run(t.Context(), "docker-buildx", "imagetools", "inspect", "--format", "{{json .Provenance}}", ref)
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]struct{ SLSA json.RawMessage }
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, platforms) {
		t.Errorf("buildx reads the provenance of %v, want %v", got, platforms)
	}
	for platform, p := range found {
		if len(p.SLSA) == 0 {
			t.Errorf("buildx reads no provenance of %s: %s", platform, out)
		}
	}
}

// accepted signs the index, and has verify and cosign look at that.
func accepted(t *testing.T, j *rehearsal.Judges, repositories []string, digest string) {
	t.Helper()
	images := strings.Join(repositories, "@"+digest+"\n") + "@" + digest
	root := world.Env["SIGSTORE_TRUSTED_ROOT"]
	for _, args := range [][]string{
		{"sign", "-signing-config", world.Env["SIGSTORE_SIGNING_CONFIG"]},
		{
			"verify", "-platforms", strings.Join(platforms, ","), "-attestations", "none", "-certificate-oidc-issuer", rehearsal.Issuer,
			"-certificate-identity", "https://github.com/" + rehearsal.Repository + "/" + rehearsal.Workflow + "@refs/tags/v1.2.3",
		},
	} {
		if out, err := step(t, args[0], append(args[1:], "-trusted-root", root, "-images", images)...); err != nil {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
	}
	for _, repository := range repositories {
		for _, cosign := range []string{"cosign2", "cosign3"} {
			if err := j.Signature(t.Context(), cosign, repository+"@"+digest, digest); err != nil {
				t.Errorf("%s of %s: %v", cosign, repository, err)
			}
		}
	}
}
