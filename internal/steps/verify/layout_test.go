package verify_test

import (
	"bytes"
	"net/http"
	"regexp"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/intoto"
)

var listing = regexp.MustCompile(`/referrers/|/manifests/sha256-[0-9a-f]{64}$`)

// withoutReferrers is a release that keeps its evidence under cosign's tags
// only, as far as anybody can see.
func withoutReferrers(t *testing.T) *evidencetest.World {
	t.Helper()
	w := evidencetest.New(t)
	var claims []evidence.Claim
	for _, d := range w.Digests {
		claims = append(claims, claim(d, intoto.CosignSign), claim(d, intoto.SPDX), claim(d, intoto.CycloneDX))
	}
	p := w.Publisher(t, evidencetest.Workflow)
	p.Legacy = true
	if _, err := p.Publish(t.Context(), repositories(w), claims); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.Registries {
		r.Tag(t, w.Digests[0], "1.2.3")
		r.Intercept(func(rw http.ResponseWriter, req *http.Request) bool {
			if !listing.MatchString(req.URL.Path) {
				return false
			}
			rw.WriteHeader(http.StatusNotFound)
			return true
		})
	}
	return w
}

func TestEvidenceUnderCosignsTagsCounts(t *testing.T) {
	t.Parallel()
	w := withoutReferrers(t)
	if _, err := run(t, w, config(w)); err != nil {
		t.Fatal(err)
	}
	c := config(w)
	c.Policy.Identity += "4"
	refused(t, w, c, "not by subject")
}

func TestTheStatementsOfCosignAttestCount(t *testing.T) {
	t.Parallel()
	w := release(t, intoto.SPDX)
	signer := w.Publisher(t, evidencetest.Workflow).Signer
	for _, d := range w.Digests {
		text, err := claim(d, intoto.SPDX).Statement.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := signer.Sign(t.Context(), bytes.Replace(text, []byte("in-toto.io/Statement/v1"), []byte("in-toto.io/Statement/v0.1"), 1))
		if err != nil {
			t.Fatal(err)
		}
		for n := range w.Registries {
			w.Attach(t, n, d, intoto.SPDX, bundle)
		}
	}
	if _, err := run(t, w, config(w)); err != nil {
		t.Error(err)
	}
}
