// Package issuer is GitHub's OpenID Connect issuer for workflow runs.
//
// [Issuer.Discovery] serves token.actions.githubusercontent.com: discovery
// document and keys. [Issuer.Tokens] is what a runner finds at
// ACTIONS_ID_TOKEN_REQUEST_URL: it gives a signed token for the audience asked
// for to whoever holds ACTIONS_ID_TOKEN_REQUEST_TOKEN.
// https://docs.github.com/actions/reference/security/oidc
package issuer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/org/release-actions/internal/secret"
)

const (
	// Host is the issuer's name.
	Host = "token.actions.githubusercontent.com"
	// URL is the issuer as the tokens' iss claim has it.
	URL = "https://" + Host
	// TokenHost is what a runner's request URL has for a host. It is served on
	// loopback, and goes by this name in faults and the request log.
	TokenHost = "pipelines.actions.githubusercontent.com"
	// TokenPath is the path of the token endpoint, query included, as a
	// runner's request URL has it.
	TokenPath = "/idtoken/1/1?api-version=2.0"
)

// Options configure an Issuer.
type Options struct {
	// Claims replace or add to the default claims of a run.
	Claims map[string]string
	// RequestToken is what the token endpoint asks for.
	RequestToken secret.String
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Issuer signs tokens with a key of its own.
type Issuer struct {
	key          *rsa.PrivateKey
	keyID        string
	claims       map[string]string
	requestToken secret.String
	now          func() time.Time
}

// New makes an issuer with a fresh 2048-bit RSA key. An unknown claim is an
// error.
func New(o Options) (*Issuer, error) {
	for name := range o.Claims {
		if !known(name) {
			return nil, fmt.Errorf("claims of the OIDC issuer: %q is not a claim of a workflow run", name)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the OIDC issuer's key: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	sum := sha256.Sum256(key.N.Bytes())
	return &Issuer{
		key: key, keyID: fmt.Sprintf("%X", sum[:20]), claims: maps.Clone(o.Claims),
		requestToken: o.RequestToken, now: o.Now,
	}, nil
}

// Discovery serves the discovery document and the keys.
// https://openid.net/specs/openid-connect-discovery-1_0.html
func (i *Issuer) Discovery() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		send(w, http.StatusOK, map[string]any{
			"issuer":                                URL,
			"jwks_uri":                              URL + "/.well-known/jwks",
			"subject_types_supported":               []string{"public", "pairwise"},
			"response_types_supported":              []string{"id_token"},
			"claims_supported":                      append([]string{"sub", "aud", "exp", "iat", "iss", "jti", "nbf"}, claimNames()...),
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"scopes_supported":                      []string{"openid"},
		})
	})
	mux.HandleFunc("GET /.well-known/jwks", func(w http.ResponseWriter, _ *http.Request) {
		send(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": i.keyID,
			"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
		}}})
	})
	return mux
}

// Tokens serves the runner's token endpoint. Query parameters named as claims
// replace them for this token; claims that follow from others, such as sub
// and workflow_ref, follow the replaced ones.
func (i *Issuer) Tokens() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		want := i.requestToken.Reveal()
		// Schemes are the same in any case: https://www.rfc-editor.org/rfc/rfc9110#section-11.1
		if want == "" || !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(token), []byte(want)) != 1 {
			send(w, http.StatusUnauthorized, map[string]string{"message": "the request token is missing or wrong"})
			return
		}
		jwt, err := i.token(r)
		if err != nil {
			send(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
			return
		}
		send(w, http.StatusOK, map[string]any{"count": len(jwt), "value": jwt})
	})
}

func (i *Issuer) token(r *http.Request) (string, error) {
	query := r.URL.Query()
	set := maps.Clone(i.claims)
	if set == nil {
		set = map[string]string{}
	}
	for name := range query {
		switch {
		case name == "api-version" || name == "audience":
		case known(name):
			set[name] = query.Get(name)
		default:
			return "", fmt.Errorf("query parameter %q is not a claim of a workflow run", name)
		}
	}
	claims := map[string]any{}
	for name, value := range complete(set) {
		claims[name] = value
	}
	audience := query.Get("audience")
	if audience == "" {
		// GitHub's default is the URL of the repository's owner.
		audience = "https://github.com/" + claims["repository_owner"].(string)
	}
	now := i.now()
	claims["iss"], claims["aud"], claims["jti"] = URL, audience, strings.ToLower(rand.Text())
	claims["iat"], claims["nbf"], claims["exp"] = now.Unix(), now.Add(-10*time.Minute).Unix(), now.Add(5*time.Minute).Unix()
	return i.sign(claims)
}

// sign makes an RS256 JWT: https://www.rfc-editor.org/rfc/rfc7515#appendix-A.2
func (i *Issuer) sign(claims map[string]any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": i.keyID})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return input + "." + encode(signature), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone is no concern of the server
}
