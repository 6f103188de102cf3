package ghapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/hint"
)

// sarifPauses are the waits between looks at whether an upload is processed.
var sarifPauses = []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second}

// ErrRefused is what GitHub says of an upload that it can't process.
var ErrRefused = errors.New("refused by GitHub")

// SARIF is what code scanning gets: an analysis of a commit.
//
// https://docs.github.com/rest/code-scanning/code-scanning#upload-an-analysis-as-sarif-data
type SARIF struct {
	Commit string `json:"commit_sha"`
	Ref    string `json:"ref"`   // refs/heads/…, refs/tags/…, refs/pull/1/merge
	Gzip   []byte `json:"sarif"` // the document, compressed by gzip
	// CheckoutURI is where the repository was checked out: "file:///…".
	CheckoutURI string    `json:"checkout_uri,omitempty"`
	Started     time.Time `json:"started_at,omitzero"`
	Tool        string    `json:"tool_name,omitempty"`
}

// UploadSARIF gives code scanning an analysis, and waits until it is processed,
// for as long as wait. What GitHub refuses is ErrRefused, with its reasons.
func (c *Client) UploadSARIF(ctx context.Context, s SARIF, wait time.Duration) error {
	var receipt struct {
		ID string `json:"id"`
	}
	_, err := c.call(ctx, http.MethodPost, c.path("code-scanning", "sarifs"), s, &receipt)
	// go-github takes 202, which is what is documented here, for an error.
	if accepted := (*github.AcceptedError)(nil); errors.As(err, &accepted) {
		err = json.Unmarshal(accepted.Raw, &receipt)
	}
	if err == nil && receipt.ID == "" {
		err = errors.New("the answer has no ID")
	}
	if err != nil {
		return wrap(codeScanning(err), "upload findings to code scanning of %q", c.repository)
	}
	end := time.Now().Add(wait)
	for n := 0; ; n++ {
		done, err := c.processed(ctx, receipt.ID)
		if err != nil || done {
			return wrap(err, "upload findings to code scanning of %q", c.repository)
		}
		if time.Now().After(end) {
			return hint.Wrap(fmt.Errorf("code scanning of %q has not processed the findings within %s", c.repository, wait),
				"see https://www.githubstatus.com; they may show up later")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sarifPauses[min(n, len(sarifPauses)-1)]):
		}
	}
}

// processed asks once.
//
// https://docs.github.com/rest/code-scanning/code-scanning#get-information-about-a-sarif-upload
func (c *Client) processed(ctx context.Context, id string) (bool, error) {
	var status struct {
		Status string   `json:"processing_status"`
		Errors []string `json:"errors"`
	}
	_, err := c.call(ctx, http.MethodGet, c.path("code-scanning", "sarifs", id), nil, &status)
	switch {
	case errors.Is(err, ErrNotFound): // so it answers at first
		return false, nil
	case err != nil:
		return false, codeScanning(err)
	case status.Status == "failed":
		return false, fmt.Errorf("%w: %s", ErrRefused, strings.Join(status.Errors, "; "))
	}
	return status.Status == "complete", nil
}

// codeScanning gives an error the mend that code scanning needs.
func codeScanning(err error) error {
	var answer *apiError
	if errors.As(err, &answer) && errors.Is(err, ErrForbidden) && strings.Contains(answer.text, "enabled") {
		return hint.Wrap(answer, "turn on code scanning in the settings of the repository, under \"Code security\"; "+
			"a private one needs GitHub Code Security for it")
	}
	return permission(err, "security-events: write")
}
