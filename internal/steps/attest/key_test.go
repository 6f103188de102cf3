package attest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/attest"
)

// TestAKeyAttestsProvenanceWithoutAToken is a job without "id-token: write": the
// runner's variables name the run. Where there is a token, it does.
func TestAKeyAttestsProvenanceWithoutAToken(t *testing.T) {
	t.Parallel()
	runner := map[string]string{
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/app", "GITHUB_REPOSITORY_ID": "1296269", "GITHUB_REPOSITORY_OWNER_ID": "9919",
		"GITHUB_REF": "refs/tags/v1.2.3", "GITHUB_SHA": strings.Repeat("a", 40), "GITHUB_WORKFLOW_REF": evidencetest.Workflow,
		"GITHUB_EVENT_NAME": "push", "RUNNER_ENVIRONMENT": "github-hosted", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2",
	}
	noToken := func(context.Context, string) (secret.String, error) {
		return secret.String{}, errors.New("the job may have no token")
	}
	for name, test := range map[string]struct {
		change map[string]string // of the runner's variables
		token  sigstore.TokenSource
		want   string // the commit
		err    string
	}{
		"no token":                  {nil, noToken, strings.Repeat("a", 40), ""},
		"a token":                   {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "https://issuer.example"}, sigstoretest.Token(evidencetest.Workflow), sigstoretest.Commit, ""},
		"a token that doesn't come": {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "https://issuer.example"}, noToken, "", "may have no token"},
		"not on a runner":           {map[string]string{"GITHUB_SHA": ""}, noToken, "", `the run has no "sha"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := evidencetest.New(t)
			private, public := sigstoretest.KeyPair(t)
			instance := sigstore.Instance{SigningConfig: w.Sigstore.SigningConfig, Trust: sigstore.Trust{TrustedRoot: w.Sigstore.TrustedRoot, Key: private}}
			result, err := attest.Run(t.Context(), attest.Config{Images: w.Images, Provenance: true, OutputDir: t.TempDir(), Sigstore: instance}, attest.Deps{
				Token: test.token,
				Getenv: func(name string) string {
					if value, ok := test.change[name]; ok {
						return value
					}
					return runner[name]
				},
				Open: func(ctx context.Context) (evidence.Publisher, error) {
					return evidence.NewPublisher(ctx, w.Client, instance, noToken, time.Second, sigstore.Options{Log: w.Publisher(t, evidencetest.Workflow).Log})
				},
			})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || result.Identity != "" || result.Issuer != "" {
				t.Fatalf("%+v, %v", result, err)
			}
			verifier, err := sigstore.NewVerifier(t.Context(), sigstore.Trust{TrustedRoot: w.Sigstore.TrustedRoot, Key: public}, sigstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			key, _ := verifier.Key()
			read, err := evidence.Reader{Registry: w.Client, Verifier: verifier, Identity: key}.Find(t.Context(), w.Images[0], intoto.SLSAProvenance)
			if err != nil || len(read.Bundles) != 1 {
				t.Fatalf("%d bundles, %v, %v", len(read.Bundles), read.Refused, err)
			}
			p, err := intoto.ParseProvenance(read.Bundles[0].Statement.Predicate)
			if err != nil || p.Repository != "https://github.com/acme/app" || p.Commit != test.want || p.Builder != "https://github.com/"+evidencetest.Workflow {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}
