package sigstore_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

func TestTheCertificateSaysWhatRunSigned(t *testing.T) {
	t.Parallel()
	const reusable = "acme/shared/.github/workflows/build.yml@refs/heads/main"
	caller := map[string]string{"repository": "acme/app", "ref": "refs/tags/v1.2.3", "workflow_ref": workflow}
	i := sigstoretest.New(t)
	signer, err := sigstore.NewSigner(t.Context(), sigstore.Instance{SigningConfig: i.SigningConfig}, sigstoretest.Token(reusable, caller), time.Second, sigstore.Options{Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signer.Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	got, err := newVerifier(t, i.TrustedRoot).Verify(bundle, digest, sigstore.Identity{Subject: sigstoretest.Subject(reusable), Issuer: sigstoretest.Issuer})
	if err != nil {
		t.Fatal(err)
	}
	if want := (sigstore.Source{
		Repository: "https://github.com/acme/app", Ref: "refs/tags/v1.2.3", Commit: sigstoretest.Commit,
		Workflow: sigstoretest.Subject(workflow), Builder: sigstoretest.Subject(reusable),
		Invocation: "https://github.com/acme/app/actions/runs/1/attempts/1",
	}); got.Source != want {
		t.Errorf("got %+v, want %+v", got.Source, want)
	}
}
