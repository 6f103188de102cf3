package sigstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-openapi/strfmt"
	"github.com/sigstore/rekor/pkg/generated/client/entries"
	"github.com/sigstore/rekor/pkg/generated/models"
)

// rekor speaks to a transparency log of version 1 in the place of rekor's own
// client, which takes no transport, and whose answers sigstore-go reads unchecked.
//
// https://github.com/sigstore/rekor/blob/main/openapi.yaml
type rekor struct {
	ctx    context.Context
	base   string
	client *http.Client
}

// CreateLogEntry implements sign.RekorClient.
func (r *rekor) CreateLogEntry(params *entries.CreateLogEntryParams, _ ...entries.ClientOption) (*entries.CreateLogEntryCreated, error) {
	body, err := json.Marshal(params.ProposedEntry)
	if err != nil {
		return nil, err
	}
	answer, existing, err := r.do(http.MethodPost, "/api/v1/log/entries", body)
	if err != nil {
		return nil, err
	}
	if existing != "" {
		// An earlier try arrived, and only its answer was lost.
		return nil, &entries.CreateLogEntryConflict{Location: strfmt.URI(existing)}
	}
	id, entry, err := oneEntry(answer)
	if err != nil {
		return nil, fmt.Errorf("rekor at %s answered with an unusable entry: %w", r.base, err)
	}
	return &entries.CreateLogEntryCreated{ETag: id, Payload: models.LogEntry{id: entry}}, nil
}

// GetLogEntryByUUID implements sign.RekorClient.
func (r *rekor) GetLogEntryByUUID(params *entries.GetLogEntryByUUIDParams, _ ...entries.ClientOption) (*entries.GetLogEntryByUUIDOK, error) {
	answer, _, err := r.do(http.MethodGet, "/api/v1/log/entries/"+url.PathEscape(params.EntryUUID), nil)
	if err != nil {
		return nil, err
	}
	id, entry, err := oneEntry(answer)
	if err != nil {
		return nil, fmt.Errorf("rekor at %s answered with an unusable entry: %w", r.base, err)
	}
	return &entries.GetLogEntryByUUIDOK{Payload: models.LogEntry{id: entry}}, nil
}

// do returns the answer, or where the entry is that the log has already.
func (r *rekor) do(method, path string, body []byte) (answer []byte, existing string, err error) {
	req, err := http.NewRequestWithContext(r.ctx, method, strings.TrimSuffix(r.base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }() // all of it is read below
	if resp.StatusCode == http.StatusConflict {
		existing = resp.Header.Get("Location")
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return answer, existing, err
}

// oneEntry reads the answer to a request for one entry, and checks that all is
// there which a bundle is made of.
func oneEntry(answer []byte) (string, models.LogEntryAnon, error) {
	var found models.LogEntry
	if err := json.Unmarshal(answer, &found); err != nil {
		return "", models.LogEntryAnon{}, err
	}
	if len(found) != 1 {
		return "", models.LogEntryAnon{}, fmt.Errorf("there are %d entries, not one", len(found))
	}
	for id, entry := range found {
		if err := entry.Validate(strfmt.Default); err != nil {
			return "", models.LogEntryAnon{}, err
		}
		v := entry.Verification
		if v == nil || v.InclusionProof == nil || len(v.SignedEntryTimestamp) == 0 {
			return "", models.LogEntryAnon{}, errors.New("it has no inclusion proof or no signed entry timestamp")
		}
		return id, entry, nil
	}
	panic("unreachable: there is one entry")
}
