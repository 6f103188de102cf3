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

// guard returns an error where the public instance would tell all the world the
// name of a private repository, which the token knows, and nobody chose it.
func (s *Signer) guard(token string) error {
	if !s.guarded {
		return nil
	}
	claims, err := tokenClaims(token)
	if err != nil {
		return fmt.Errorf("OIDC token: %w", err)
	}
	if claims.Visibility == "" || claims.Visibility == "public" {
		return nil
	}
	return hint.Wrap(fmt.Errorf("the repository is %s, and the public Sigstore instance would log its name for all to see", claims.Visibility),
		"set \"sigstore: github\" to sign with GitHub's own instance, or \"sigstore: public\" if all may know")
}

// claims are those of GitHub's tokens that matter here.
//
// https://docs.github.com/actions/reference/security/oidc
type claims struct {
	Issuer         string `json:"iss"`
	JobWorkflowRef string `json:"job_workflow_ref"`
	Visibility     string `json:"repository_visibility"`
}

func tokenClaims(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("it is not a JSON web token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, errors.New("its payload is not base64")
	}
	var c claims
	// The text of a JSON error may quote the token.
	if json.Unmarshal(payload, &c) != nil {
		return claims{}, errors.New("its payload is not the JSON of claims")
	}
	return c, nil
}

func tokenIdentity(token string) (Identity, error) {
	claims, err := tokenClaims(token)
	if err != nil {
		return Identity{}, err
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
