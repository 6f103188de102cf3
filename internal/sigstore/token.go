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
	var claims struct {
		JobWorkflowRef string `json:"job_workflow_ref"`
	}
	job, err := JobClaims(ctx, source, &claims)
	if err != nil {
		return Identity{}, err
	}
	if claims.JobWorkflowRef == "" {
		return Identity{}, badToken(fmt.Errorf("it has no job_workflow_ref; its issuer %q is not GitHub Actions", job.Issuer))
	}
	return Identity{Subject: job.Server + "/" + claims.JobWorkflowRef, Issuer: job.Issuer}, nil
}

// guard returns an error where the public instance would tell all the world the
// name of a private repository, which the token knows, and nobody chose it.
func (s *Signer) guard(token string) error {
	if !s.guarded {
		return nil
	}
	var claims struct {
		Visibility string `json:"repository_visibility"`
	}
	if _, err := decodeClaims(token, &claims); err != nil {
		return badToken(err)
	}
	if claims.Visibility == "" || claims.Visibility == "public" {
		return nil
	}
	return hint.Wrap(fmt.Errorf("the repository is %s, and the public Sigstore instance would log its name for all to see", claims.Visibility),
		"set \"sigstore: github\" to sign with GitHub's own instance, or \"sigstore: public\" if all may know")
}

// Job is where a job of GitHub Actions runs.
type Job struct {
	Issuer string // of its tokens
	Server string // GitHub's URL
}

// JobClaims decodes the claims of the job's token into claims, a pointer to a
// struct with their names. Nothing is verified: it is the job's own token.
//
// https://docs.github.com/actions/reference/security/oidc
func JobClaims(ctx context.Context, source TokenSource, claims any) (Job, error) {
	token, err := source(ctx, audience)
	if err != nil {
		return Job{}, err
	}
	job, err := decodeClaims(token.Reveal(), claims)
	return job, badToken(err)
}

func badToken(err error) error {
	if err == nil {
		return nil
	}
	return hint.Wrap(fmt.Errorf("OIDC token: %w", err), "sign in a job of GitHub Actions with \"id-token: write\"")
}

func decodeClaims(token string, claims any) (Job, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Job{}, errors.New("it is not a JSON web token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Job{}, errors.New("its payload is not base64")
	}
	var issued struct {
		Issuer string `json:"iss"`
	}
	// The text of a JSON error may quote the token.
	if json.Unmarshal(payload, &issued) != nil || json.Unmarshal(payload, claims) != nil {
		return Job{}, errors.New("its payload is not the JSON of claims")
	}
	issuer, err := url.Parse(issued.Issuer)
	if err != nil || issuer.Host == "" {
		return Job{}, errors.New("it has no issuer")
	}
	server := "https://github.com"
	// An Enterprise Server issues tokens under its own name.
	if strings.HasSuffix(issuer.Path, "/_services/token") {
		server = issuer.Scheme + "://" + issuer.Host
	}
	return Job{Issuer: issued.Issuer, Server: server}, nil
}
