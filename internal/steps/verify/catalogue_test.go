package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
)

// edit changes the documents of a test in both formats alike.
type edit struct{ spdx, cdx []string }

var (
	asItIs = edit{}
	// A package more, with a package URL.
	more = edit{
		[]string{`"packages":[`, `"packages":[{"name":"zlib","SPDXID":"SPDXRef-z","downloadLocation":"NOASSERTION","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:apk/zlib@1.3"}]},`},
		[]string{`"components":[`, `"components":[{"type":"file","name":"/bin/sh"},{"type":"library","name":"base","components":[{"type":"library","name":"zlib","purl":"pkg:apk/zlib@1.3"}]},`},
	}
	// Another version of the one that is there.
	newer = edit{[]string{`"name":"musl",`, `"name":"musl","versionInfo":"1.2.5",`}, []string{`"name":"musl",`, `"name":"musl","version":"1.2.5",`}}
	// Made by another program.
	other = edit{
		[]string{`"Tool: test"`, `"Tool: syft-0.1"`},
		[]string{`"metadata":{`, `"metadata":{"tools":{"components":[{"type":"application","name":"syft","version":"0.1"}]},`},
	}
)

func document(d image.Digest, predicateType string, edits ...edit) []byte {
	text := claim(d, predicateType).Statement.Predicate
	for _, e := range edits {
		pair := e.spdx
		if predicateType == intoto.CycloneDX {
			pair = e.cdx
		}
		if len(pair) == 2 {
			text = bytes.Replace(text, []byte(pair[0]), []byte(pair[1]), 1)
		}
	}
	return text
}

// catalogued runs the step deep, where the image holds what the documents with
// the given edits say.
func catalogued(t *testing.T, w *evidencetest.World, c verify.Config, digests []image.Digest, edits ...edit) error {
	t.Helper()
	c.Deep = true
	v, err := sigstore.NewVerifier(t.Context(), w.Trust(), sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	_, err = verify.Run(t.Context(), c, verify.Deps{Registry: w.Client, Verifier: v, TempDir: temp,
		Step: func(_ context.Context, name string, inputs []string, args ...string) error {
			if name != "sbom" || !slices.Equal(inputs, verify.Forwarded) || len(args) != 3 || args[0] != "-output-dir" || !strings.HasSuffix(args[2], "@"+string(w.Digests[0])) {
				t.Errorf("runs %s with %q and the inputs %q", name, args, inputs)
			}
			dir := args[1]
			for n, d := range digests {
				for m, predicateType := range []string{intoto.SPDX, intoto.CycloneDX} {
					path := filepath.Join(dir, fmt.Sprintf("%d%d.json", n, m))
					if err := os.WriteFile(path, document(d, predicateType, edits...), 0o600); err != nil {
						return err
					}
				}
			}
			return nil
		}})
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return err
}

// attested is a world whose SBOMs are edited.
func attested(t *testing.T, edits ...edit) *evidencetest.World {
	t.Helper()
	w := release(t, intoto.SPDX, intoto.CycloneDX)
	for _, d := range w.Digests {
		for _, predicateType := range []string{intoto.SPDX, intoto.CycloneDX} {
			attach(t, w, evidence.Claim{Digest: d, Statement: intoto.New(d, predicateType, document(d, predicateType, edits...))}, evidencetest.Workflow)
		}
	}
	return w
}

func TestSBOMsAreComparedWithTheImage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		said, holds []edit
		kind        error
		want        []string
	}{
		"the same":                    {[]edit{asItIs}, []edit{asItIs}, nil, nil},
		"the same, by other programs": {[]edit{other}, []edit{asItIs}, nil, nil},
		"a package is kept back": {[]edit{asItIs}, []edit{more}, verify.ErrRefused,
			[]string{"the attested SPDX document lacks pkg:apk/zlib@1.3, which the image has", "CycloneDX document lacks base@, pkg:apk/zlib@1.3, which the image has"}},
		"a package is made up": {[]edit{more}, []edit{asItIs}, verify.ErrRefused, []string{"SPDX document has pkg:apk/zlib@1.3, which the image has not"}},
		"another version":      {[]edit{newer}, []edit{asItIs}, verify.ErrRefused, []string{"lacks musl@, which the image has, and has musl@1.2.5, which the image has not"}},
		"different, by other programs": {[]edit{asItIs}, []edit{more, other}, verify.ErrUndecided,
			[]string{"lacks pkg:apk/zlib@1.3", `made by ["test"], and this catalogue by ["syft-0.1"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := attested(t, test.said...)
			err := catalogued(t, w, config(w), w.Digests, test.holds...)
			if !errors.Is(err, test.kind) {
				t.Fatalf("got %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
}

func TestWithoutACatalogueNothingIsDecided(t *testing.T) {
	t.Parallel()
	w := attested(t)
	if err := catalogued(t, w, config(w), w.Digests[:2]); !errors.Is(err, verify.ErrUndecided) || errors.Is(err, verify.ErrRefused) ||
		!strings.Contains(err.Error(), "catalogue has no SPDX document of "+string(w.Digests[2])) {
		t.Errorf("a platform was left out: %v", err)
	}
	if err := catalogued(t, w, config(w), []image.Digest{""}); !errors.Is(err, verify.ErrUndecided) || !strings.Contains(err.Error(), "catalogue the image") {
		t.Errorf("a document is about nothing: %v", err)
	}
}

func TestDeepNeedsSBOMs(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	c := config(w)
	c.Deep, c.SBOMs = true, false
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), `"deep"`) {
		t.Errorf("got %v", err)
	}
	if !slices.Contains(verify.Forwarded, "registry-auth") {
		t.Error("the catalogue gets no logins")
	}
}
