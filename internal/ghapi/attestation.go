package ghapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/klauspost/compress/snappy"

	"github.com/org/release-actions/internal/hint"
)

const (
	// maxAttestationPages bounds a listing of attestations, of a hundred each.
	maxAttestationPages = 20
	// maxBundle bounds a bundle, in bytes. GitHub takes predicates of 16 MB.
	maxBundle = 64 << 20
)

// Attestations returns the Sigstore bundles that GitHub keeps for the
// repository about the artifact with digest, "sha256:…"; none where there are
// none. Nothing is verified.
//
// https://docs.github.com/rest/repos/attestations#list-attestations
func (c *Client) Attestations(ctx context.Context, digest string) ([][]byte, error) {
	var bundles [][]byte
	path := c.path("attestations", digest) + "?per_page=100"
	for after, page := "", 0; page < maxAttestationPages; page++ {
		var answer struct {
			Attestations []struct {
				Bundle json.RawMessage `json:"bundle"`
				URL    string          `json:"bundle_url"`
			} `json:"attestations"`
		}
		resp, err := c.call(ctx, http.MethodGet, path+after, nil, &answer)
		// So GitHub says that there are none.
		if errors.Is(err, ErrNotFound) {
			return bundles, nil
		}
		if err != nil {
			return nil, wrap(permission(err, "attestations: read"), "list the attestations of %q", digest)
		}
		for _, a := range answer.Attestations {
			bundle := []byte(a.Bundle)
			// Later versions of the API have the address only.
			if len(bundle) == 0 || string(bundle) == "null" {
				if bundle, err = c.bundle(ctx, a.URL); err != nil {
					return nil, fmt.Errorf("fetch an attestation of %q: %w", digest, err)
				}
			}
			bundles = append(bundles, bundle)
		}
		if resp.After == "" {
			return bundles, nil
		}
		after = "&after=" + url.QueryEscape(resp.After)
	}
	return nil, fmt.Errorf("%q has more than %d attestations", digest, maxAttestationPages*100)
}

// bundle fetches a bundle from where the API says: storage that takes no
// token, since the address is signed, and compresses as snappy does.
func (c *Client) bundle(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("its address is not a URL")
	}
	resp, err := c.github.Client().Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which is a secret while it lasts
		}
		return nil, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // all of it is read below
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBundle))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", resp.Status)
	}
	var size int
	if err == nil {
		size, err = snappy.DecodedLen(text)
	}
	if err == nil && size > maxBundle {
		err = fmt.Errorf("it has more than %d MiB", maxBundle>>20)
	}
	if err == nil {
		text, err = snappy.Decode(nil, text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	return text, nil
}

// CreateAttestation gives GitHub a bundle to keep for the repository, and
// returns its number there.
//
// https://docs.github.com/rest/repos/attestations#create-an-attestation
func (c *Client) CreateAttestation(ctx context.Context, bundle []byte) (id string, err error) {
	body := struct {
		Bundle json.RawMessage `json:"bundle"`
	}{bundle}
	var answer struct {
		ID json.Number `json:"id"` // also where it is in quotes
	}
	_, err = c.call(ctx, http.MethodPost, c.path("attestations"), body, &answer)
	if errors.Is(err, ErrForbidden) || errors.Is(err, ErrNotFound) {
		err = hint.Wrap(permission(err, "attestations: write"), "for a private repository GitHub keeps attestations on Enterprise Cloud only: "+
			"leave out \"push-to-github\" there; the registries have them all the same")
	}
	return answer.ID.String(), wrap(err, "give GitHub an attestation of %q", c.repository)
}

// permission puts the permission that is missing in the place of the one that
// most of the API needs.
func permission(err error, missing string) error {
	var answer *apiError
	if !errors.As(err, &answer) || (answer.kind != ErrForbidden && answer.kind != ErrNotFound) { //nolint:errorlint // the kind is the sentinel itself
		return err
	}
	return hint.Wrap(answer, "grant %q under \"permissions:\" of the job", missing)
}
