package attest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/attest"
)

// attestAs runs the step in w as a run with further claims.
func attestAs(t *testing.T, w *evidencetest.World, cfg attest.Config, further map[string]string) (attest.Result, error) {
	t.Helper()
	cfg.Images, cfg.OutputDir = w.Images, t.TempDir()
	return attest.Run(t.Context(), cfg, attest.Deps{Open: w.Opener(t, evidencetest.Workflow), Token: sigstoretest.Token(evidencetest.Workflow, further)})
}

// found returns the statements of a type that the job's identity signed of d, in
// registry n.
func found(t *testing.T, w *evidencetest.World, n int, d image.Digest, predicateType string) []intoto.Statement {
	t.Helper()
	reader := evidence.Reader{Registry: w.Client, Verifier: w.Publisher(t, evidencetest.Workflow).Verifier, Identity: evidencetest.Identity()}
	found, err := reader.Find(t.Context(), w.Registries[n].Repository.Pin(d), predicateType)
	if err != nil || len(found.Refused) > 0 {
		t.Fatal(err, found.Refused)
	}
	var statements []intoto.Statement
	for _, b := range found.Bundles {
		statements = append(statements, b.Statement)
	}
	return statements
}

// provenance returns the one that says how d was built, in registry n.
func provenance(t *testing.T, w *evidencetest.World, n int, d image.Digest) intoto.Provenance {
	t.Helper()
	statements := found(t, w, n, d, intoto.SLSAProvenance)
	if len(statements) != 1 {
		t.Fatalf("registry %d, %s: %d of provenance", n, d, len(statements))
	}
	p, err := intoto.ParseProvenance(statements[0].Predicate)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// buildkit is what BuildKit says of the nth platform: of the first by version
// 0.2, of the others by version 1. All have one base image and one of their own.
func buildkit(n int) (predicateType string, text []byte) {
	materials := fmt.Sprintf(`[{"uri":"pkg:docker/alpine@3.22","digest":{"sha256":"aa"}},{"uri":"https://example.com/moving"},
		{"uri":"pkg:docker/base@1?platform=%d","digest":{"sha256":"b%d"}}]`, n, n)
	if n == 0 {
		predicateType = "https://slsa.dev/provenance/v0.2"
		return predicateType, fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,"predicate":{"materials":%s}}`, predicateType, materials)
	}
	return intoto.SLSAProvenance, fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,"predicate":{"buildDefinition":{"resolvedDependencies":%s}}}`,
		intoto.SLSAProvenance, materials)
}

func TestProvenanceIsOnEveryDigest(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Build(t, buildkit)
	result, err := attestAs(t, w, attest.Config{Provenance: true}, nil)
	if err != nil || len(result.Bundles) != len(w.Digests) || result.Identity != evidencetest.Identity().Subject {
		t.Fatalf("%+v, %v", result, err)
	}
	for n := range w.Registries {
		for m, d := range w.Digests {
			p := provenance(t, w, n, d)
			if p.Repository != "https://github.com/acme/app" || p.Workflow != ".github/workflows/release.yml" || p.Ref != "refs/tags/v1.2.3" ||
				p.Commit != sigstoretest.Commit || p.Builder != "https://github.com/"+evidencetest.Workflow ||
				p.Invocation != "https://github.com/acme/app/actions/runs/1/attempts/1" {
				t.Errorf("%s: %+v", d, p)
			}
			var materials, byproducts []string
			for _, r := range p.Materials {
				materials = append(materials, r.Digest["sha256"])
			}
			for _, r := range p.Byproducts {
				byproducts = append(byproducts, r.Name+" "+r.Digest["sha256"])
			}
			// The index is made of all images; each image of its own materials.
			wantMaterials := []string{"aa", "b0", "b1", "b2"}
			var wantByproducts []string
			for i, platform := range evidencetest.Platforms {
				_, text := buildkit(i)
				if m == 0 || m == i+1 {
					wantByproducts = append(wantByproducts, "BuildKit's provenance of "+platform.String()+" "+registry.NewManifest("", text).Digest.Hex())
				}
				if m == i+1 {
					wantMaterials = []string{"aa", fmt.Sprintf("b%d", i)}
				}
			}
			if !slices.Equal(materials, wantMaterials) || !slices.Equal(byproducts, wantByproducts) {
				t.Errorf("%d: materials %v, byproducts %v, want %v and %v", m, materials, byproducts, wantMaterials, wantByproducts)
			}
		}
	}
}

func TestAnotherAttemptKeepsProvenance(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Build(t, buildkit)
	first, err := attestAs(t, w, attest.Config{Provenance: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Sigstore.Rekor.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	again, err := attestAs(t, w, attest.Config{Provenance: true}, map[string]string{"run_attempt": "2"})
	if err != nil || len(again.Bundles) != len(first.Bundles) {
		t.Fatalf("%+v, %v", again, err)
	}
	for n := range w.Registries {
		for _, d := range w.Digests {
			if p := provenance(t, w, n, d); !strings.HasSuffix(p.Invocation, "/attempts/1") {
				t.Errorf("%s is of %s", d, p.Invocation)
			}
		}
	}
}

func TestAnotherCommitIsAttestedBeside(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	for _, commit := range []string{sigstoretest.Commit, strings.Repeat("a", 40)} {
		if _, err := attestAs(t, w, attest.Config{Provenance: true}, map[string]string{"sha": commit}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(found(t, w, 1, w.Digests[2], intoto.SLSAProvenance)); n != 2 {
		t.Errorf("%d of provenance", n)
	}
}

func TestOnlyWhatIsSelectedIsAttested(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int{"all": {0, 1, 2, 3}, "index": {0}, "linux/arm64": {2}, "linux/arm64/v8": {2}, "linux/arm/v7": {3}} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w := evidencetest.New(t)
			cfg := attest.Config{Provenance: true, SBOMs: write(t, w.Digests), Subjects: selection(t, text)}
			result, err := attestAs(t, w, cfg, nil)
			if err != nil || len(result.Bundles) != 3*len(want) {
				t.Fatalf("%d bundles, %v", len(result.Bundles), err)
			}
			for n, d := range w.Digests {
				count := len(w.Bundles(t, 1, d))
				if slices.Contains(want, n) != (count == 3) || !slices.Contains(want, n) && count != 0 {
					t.Errorf("%s: %d attestations", d, count)
				}
			}
		})
	}
}

func TestWhatIsNotThereCannotBeSelected(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	cfg := attest.Config{Provenance: true, Subjects: selection(t, "linux/s390x")}
	_, err := attestAs(t, w, cfg, nil)
	if err == nil || !strings.Contains(err.Error(), "the image has no linux/s390x") || !slices.Equal(hint.Of(err), []string{"it has index, linux/amd64, linux/arm64, linux/arm/v7"}) {
		t.Errorf("%v, mends %q", err, hint.Of(err))
	}
	// An image alone has no index.
	for n, image := range w.Images {
		w.Images[n] = image.Repository.Pin(w.Digests[1])
	}
	cfg.Subjects = selection(t, "index")
	if _, err := attestAs(t, w, cfg, nil); err == nil || !strings.Contains(err.Error(), "the image has no index") {
		t.Error(err)
	}
	if n := w.Sigstore.Entries(); n != 0 {
		t.Errorf("%d signatures were made", n)
	}
}

func TestProvenanceThatCannotBeToldIsAnError(t *testing.T) {
	t.Parallel()
	noToken := errors.New("no permission")
	for name, test := range map[string]struct {
		builds  func(int) (string, []byte)
		further map[string]string
		token   error
		want    string
		mend    string
	}{
		"of no commit":        {nil, map[string]string{"sha": ""}, nil, `no "sha"`, `"build-provenance: false"`},
		"of another workflow": {nil, map[string]string{"workflow_ref": "acme/policy/.github/workflows/required.yml@refs/heads/main"}, nil, "is not of", `"build-provenance: false"`},
		"without a token":     {nil, nil, noToken, "no permission", `"build-provenance: false"`},
		"of an unknown version": {func(int) (string, []byte) {
			return "https://slsa.dev/provenance/v9", []byte(`{"predicateType":"https://slsa.dev/provenance/v9"}`)
		}, nil, nil, "of linux/amd64: provenance of the build", ""},
		"of a broken statement":  {func(int) (string, []byte) { return intoto.SLSAProvenance, []byte(`{`) }, nil, nil, "BuildKit's attestation sha256:", ""},
		"of a statement of text": {func(int) (string, []byte) { return intoto.SLSAProvenance, []byte(`"x"`) }, nil, nil, "BuildKit's attestation sha256:", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := evidencetest.New(t)
			if test.builds != nil {
				w.Build(t, test.builds)
			}
			deps := attest.Deps{Open: w.Opener(t, evidencetest.Workflow), Token: sigstoretest.Token(evidencetest.Workflow, test.further)}
			if test.token != nil {
				deps.Token = func(context.Context, string) (secret.String, error) { return secret.String{}, test.token }
			}
			_, err := attest.Run(t.Context(), attest.Config{Images: w.Images, Provenance: true, OutputDir: t.TempDir()}, deps)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
				t.Errorf("%v, mends %q", err, hint.Of(err))
			}
			if n := w.Sigstore.Entries(); n != 0 {
				t.Errorf("%d signatures were made", n)
			}
		})
	}
}

// The build's own SBOM, which nobody asks for here, is not read.
func TestOtherAttestationsOfBuildKitAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Build(t, func(int) (string, []byte) { return intoto.SPDX, []byte(`{`) })
	if _, err := attestAs(t, w, attest.Config{Provenance: true}, nil); err != nil {
		t.Fatal(err)
	}
	if p := provenance(t, w, 0, w.Digests[0]); len(p.Materials) != 0 || len(p.Byproducts) != 0 {
		t.Errorf("%+v", p)
	}
}
