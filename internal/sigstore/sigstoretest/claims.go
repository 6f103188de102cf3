package sigstoretest

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/org/release-actions/internal/secret"
)

// Commit is the one that the jobs of Token run for.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Token returns what gives tokens of GitHub's shape for a job of the workflow
// that ref names: "org/app/.github/workflows/release.yml@refs/tags/v1.2.3". The
// run is of the same repository and ref, unless further claims say otherwise.
func Token(ref string, further ...map[string]string) func(ctx context.Context, audience string) (secret.String, error) {
	path, gitRef, _ := strings.Cut(ref, "@")
	repository := path
	if parts := strings.SplitN(path, "/", 3); len(parts) == 3 {
		repository = parts[0] + "/" + parts[1]
	}
	claims := map[string]any{
		"iss": Issuer, "aud": "sigstore", "sub": "repo:" + repository + ":ref:" + gitRef, "exp": time.Now().Add(5 * time.Minute).Unix(),
		"repository": repository, "repository_id": "1296269", "repository_owner_id": "9919", "repository_visibility": "public",
		"ref": gitRef, "sha": Commit, "event_name": "push", "runner_environment": "github-hosted", "run_id": "1", "run_attempt": "1",
		"workflow_ref": ref, "workflow_sha": Commit, "job_workflow_ref": ref, "job_workflow_sha": Commit,
	}
	for _, set := range further {
		for name, value := range maps.All(set) {
			claims[name] = value
		}
	}
	payload, err := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
	return func(context.Context, string) (secret.String, error) { return secret.New(text), err }
}

// extensions are what a certificate says of a job with the claims.
//
// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
func extensions(claims map[string]any) ([]pkix.Extension, error) {
	claim := func(name string) string { text, _ := claims[name].(string); return text }
	at := func(text string) string { return "https://github.com/" + text }
	oid := func(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n} }
	all := []pkix.Extension{{Id: oid(1), Value: []byte(claim("iss"))}}
	for _, e := range []struct {
		n    int
		text string
	}{
		{8, claim("iss")},
		{9, at(claim("job_workflow_ref"))},
		{10, claim("job_workflow_sha")},
		{11, claim("runner_environment")},
		{12, at(claim("repository"))},
		{13, claim("sha")},
		{14, claim("ref")},
		{18, at(claim("workflow_ref"))},
		{19, claim("workflow_sha")},
		{20, claim("event_name")},
		{21, at(claim("repository")) + "/actions/runs/" + claim("run_id") + "/attempts/" + claim("run_attempt")},
		{22, claim("repository_visibility")},
	} {
		value, err := asn1.MarshalWithParams(e.text, "utf8")
		if err != nil {
			return nil, err
		}
		all = append(all, pkix.Extension{Id: oid(e.n), Value: value})
	}
	return all, nil
}
