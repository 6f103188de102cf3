package verify_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/verify"
)

// runWithKey runs the step for what the key must have signed.
func runWithKey(t *testing.T, w *evidencetest.World, c verify.Config, public string) error {
	t.Helper()
	c.Trust = sigstore.Trust{TrustedRoot: w.Sigstore.TrustedRoot, Key: public}
	v, err := sigstore.NewVerifier(t.Context(), c.Trust, sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify.Run(t.Context(), c, verify.Deps{Registry: w.Client, Verifier: v})
	return err
}

func TestAKeyMaySignInPlaceOfAWorkflow(t *testing.T) {
	t.Parallel()
	private, public := sigstoretest.KeyPair(t)
	_, other := sigstoretest.KeyPair(t)
	w := evidencetest.New(t)
	var claims []evidence.Claim
	for _, d := range w.Digests {
		claims = append(claims, claim(d, intoto.CosignSign), claim(d, intoto.SPDX), claim(d, intoto.CycloneDX), provenance(t, d, released))
	}
	for _, r := range w.Registries {
		r.Tag(t, w.Digests[0], "latest")
	}
	publisher, err := evidence.NewPublisher(t.Context(), w.Client,
		sigstore.Instance{SigningConfig: w.Sigstore.SigningConfig, Trust: sigstore.Trust{TrustedRoot: w.Sigstore.TrustedRoot, Key: private}},
		nil, time.Second, sigstore.Options{Transport: http.DefaultTransport, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publisher.Publish(t.Context(), repositories(w), claims); err != nil {
		t.Fatal(err)
	}
	c := withProvenance(w)
	c.Policy = verify.Policy{Repository: "acme/app", Commit: sigstoretest.Commit, Issuer: sigstoretest.Issuer}
	for n := range c.Images {
		c.Images[n].Tag = "latest" // a key needs no version
	}
	if err := runWithKey(t, w, c, public); err != nil {
		t.Errorf("with its key: %v", err)
	}
	if err := runWithKey(t, w, c, other); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("with another's: %v", err)
	}
	c.Policy.Commit = strings.Repeat("e", 40)
	if err := runWithKey(t, w, c, public); !errors.Is(err, verify.ErrRefused) || !strings.Contains(err.Error(), "signed for a run of commit") {
		t.Errorf("of another commit: %v", err)
	}
	c.Attestations = c.Attestations[:2]
	if err := runWithKey(t, w, c, public); err == nil || !strings.Contains(err.Error(), "a key names no run") {
		t.Errorf("nobody names the commit: %v", err)
	}
}
