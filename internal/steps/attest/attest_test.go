package attest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/attest"
)

// write writes both documents about each digest, under names that say nothing.
func write(t *testing.T, digests []image.Digest) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for n, d := range digests {
		for format, text := range map[string][]byte{"spdx": evidencetest.SPDX(d), "cdx": evidencetest.CycloneDX(d)} {
			path := filepath.Join(dir, fmt.Sprintf("%d.%s.json", len(digests)-n, format))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

func run(t *testing.T, w *evidencetest.World, sboms []string) (attest.Result, error) {
	t.Helper()
	return attest.Run(t.Context(), attest.Config{Images: w.Images, SBOMs: sboms, OutputDir: t.TempDir()},
		attest.Deps{Open: w.Opener(t, evidencetest.Workflow)})
}

// A file that isn't there is no reason to wait for a Sigstore that is down.
func TestFilesAreReadBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	_, err := attest.Run(t.Context(), attest.Config{SBOMs: []string{filepath.Join(t.TempDir(), "gone.json")}},
		attest.Deps{Open: func(context.Context) (evidence.Publisher, error) {
			t.Error("the Sigstore instance was asked")
			return evidence.Publisher{}, nil
		}})
	if err == nil || !strings.Contains(err.Error(), "gone.json") || len(hint.Of(err)) == 0 {
		t.Errorf("%v, mends %q", err, hint.Of(err))
	}
}

func TestEachDocumentIsAttestedToWhatItDescribes(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	result, err := run(t, w, write(t, w.Digests))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Bundles) != 2*len(w.Digests) || result.Identity != evidencetest.Identity().Subject || result.Issuer != evidencetest.Identity().Issuer {
		t.Errorf("got %+v", result)
	}
	reader := evidence.Reader{Registry: w.Client, Verifier: w.Publisher(t, evidencetest.Workflow).Verifier, Identity: evidencetest.Identity()}
	for _, r := range w.Registries {
		for _, d := range w.Digests {
			for predicateType, text := range map[string][]byte{intoto.SPDX: evidencetest.SPDX(d), intoto.CycloneDX: evidencetest.CycloneDX(d)} {
				found, err := reader.Find(t.Context(), r.Repository.Pin(d), predicateType)
				if err != nil || len(found.Bundles) != 1 {
					t.Fatalf("%s on %s: %d bundles, %v", predicateType, d, len(found.Bundles), err)
				}
				if !found.Bundles[0].Statement.SamePredicate(intoto.New(d, predicateType, text)) {
					t.Errorf("%s on %s says %s", predicateType, d, found.Bundles[0].Statement.Predicate)
				}
			}
		}
	}
}

func TestBundlesAreSavedByDigestAndFormat(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	result, err := run(t, w, write(t, w.Digests))
	if err != nil {
		t.Fatal(err)
	}
	for n, path := range result.Bundles {
		want := w.Digests[n/2].Hex() + []string{".spdx.sigstore.json", ".cdx.sigstore.json"}[n%2]
		if filepath.Base(path) != want {
			t.Errorf("%d is %s, want %s", n, filepath.Base(path), want)
		}
		if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte("dsseEnvelope")) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestASecondRunKeepsTheAttestations(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	sboms := write(t, w.Digests)
	if _, err := run(t, w, sboms); err != nil {
		t.Fatal(err)
	}
	w.Sigstore.Rekor.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	if _, err := run(t, w, sboms); err != nil {
		t.Fatal(err)
	}
	for n := range w.Registries {
		for _, d := range w.Digests {
			if found := len(w.Bundles(t, n, d)); found != 2 {
				t.Errorf("registry %d, %s: %d bundles", n, d, found)
			}
		}
	}
}

func TestAnotherDocumentIsAttestedBeside(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	sboms := write(t, w.Digests)
	if _, err := run(t, w, sboms); err != nil {
		t.Fatal(err)
	}
	text := bytes.Replace(evidencetest.SPDX(w.Digests[0]), []byte("musl"), []byte("glibc"), 1)
	for _, path := range sboms {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, evidencetest.SPDX(w.Digests[0])) {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := w.Sigstore.Entries()
	if _, err := run(t, w, sboms); err != nil {
		t.Fatal(err)
	}
	if n := w.Sigstore.Entries() - before; n != 1 {
		t.Errorf("%d signatures for one changed document", n)
	}
}

func TestFilesThatDoNotFitTheImageAreRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	const stranger = image.Digest("sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")
	all := func() []string { return write(t, w.Digests) }
	without := func(format string, d image.Digest) []string {
		var kept []string
		for _, path := range all() {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(path, format) || !bytes.Contains(text, []byte(d.Hex())) {
				kept = append(kept, path)
			}
		}
		return kept
	}
	garbage := filepath.Join(t.TempDir(), "garbage.json")
	if err := os.WriteFile(garbage, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files []string
		want  []string
	}{
		"of another image":             {append(all(), write(t, []image.Digest{stranger})...), []string{string(stranger), "neither the image nor"}},
		"no SPDX for a platform":       {without("spdx", w.Digests[2]), []string{"no SPDX document describes linux/arm64", string(w.Digests[2])}},
		"no CycloneDX for the index":   {without("cdx", w.Digests[0]), []string{"no CycloneDX document describes index"}},
		"two of one kind":              {append(all(), write(t, w.Digests[:1])...), []string{"are both the SPDX document", "are both the CycloneDX document"}},
		"no SBOM":                      {append(all(), garbage), []string{garbage}},
		"not there":                    {append(all(), "/nowhere.json", garbage), []string{"/nowhere.json", garbage}},
		"all that is wrong at once":    {append(without("spdx", w.Digests[3]), write(t, []image.Digest{stranger})...), []string{"linux/arm/v7", string(stranger)}},
		"nothing about any image here": {write(t, []image.Digest{stranger}), []string{"index", "linux/amd64", "linux/arm64", "linux/arm/v7"}},
	} {
		_, err := run(t, w, test.files)
		if err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", name, err, want)
			}
		}
	}
	if n := w.Sigstore.Entries(); n != 0 {
		t.Errorf("%d signatures were made", n)
	}
}
