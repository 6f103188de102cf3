package sigstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

// audience is that of the tokens that Fulcio takes.
const audience = "sigstore"

// TokenSource asks for the job's OIDC token for an audience.
type TokenSource func(ctx context.Context, audience string) (secret.String, error)

// JobIdentity returns what Fulcio will certify for a job of GitHub Actions: the
// workflow that the job is from. In a reusable workflow that is the reusable
// one, not its caller. The token's signature is Fulcio's to check.
//
// https://github.com/sigstore/fulcio/blob/main/docs/oidc.md#github
func JobIdentity(ctx context.Context, source TokenSource) (Identity, error) {
	token, err := source(ctx, audience)
	if err != nil {
		return Identity{}, err
	}
	id, err := tokenIdentity(token.Reveal())
	if err != nil {
		return Identity{}, hint.Wrap(fmt.Errorf("OIDC token: %w", err), "sign in a job of GitHub Actions with \"id-token: write\"")
	}
	return id, nil
}

func tokenIdentity(token string) (Identity, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Identity{}, errors.New("it is not a JSON web token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Identity{}, errors.New("its payload is not base64")
	}
	var claims struct {
		Issuer         string `json:"iss"`
		JobWorkflowRef string `json:"job_workflow_ref"`
	}
	// The text of a JSON error may quote the token.
	if json.Unmarshal(payload, &claims) != nil {
		return Identity{}, errors.New("its payload is not the JSON of claims")
	}
	issuer, err := url.Parse(claims.Issuer)
	if err != nil || issuer.Host == "" {
		return Identity{}, errors.New("it has no issuer")
	}
	if claims.JobWorkflowRef == "" {
		return Identity{}, fmt.Errorf("it has no job_workflow_ref; its issuer %q is not GitHub Actions", claims.Issuer)
	}
	server := "https://github.com"
	// An Enterprise Server issues tokens under its own name.
	if strings.HasSuffix(issuer.Path, "/_services/token") {
		server = issuer.Scheme + "://" + issuer.Host
	}
	return Identity{Subject: server + "/" + claims.JobWorkflowRef, Issuer: claims.Issuer}, nil
}
