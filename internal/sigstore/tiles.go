package sigstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"
)

// tiles speaks to a transparency log of version 2 in the place of rekor-tiles'
// own client, which takes no transport.
//
// https://github.com/sigstore/rekor-tiles/blob/v2.3.0/CLIENTS.md
type tiles struct {
	base   string
	client *http.Client
}

// errLogged is that the log has the signature already. It doesn't give an
// entry a second time, so that another signature must be made.
var errLogged = errors.New("it has this signature already, and proves an entry once")

// Add implements sign.RekorV2Client.
func (t *tiles) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	request, ok := entry.(*rekortiles.HashedRekordRequestV002)
	if !ok {
		return nil, fmt.Errorf("an entry can't be made of %T", entry)
	}
	body, err := protojson.Marshal(&rekortiles.CreateEntryRequest{
		Spec: &rekortiles.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: request},
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(t.base, "/")+"/api/v2/log/entries", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // all of it is read below
	if resp.StatusCode == http.StatusConflict {
		return nil, &ServiceError{Service: "rekor", URL: t.base, Status: resp.StatusCode, Err: errLogged}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var logged protorekor.TransparencyLogEntry
	err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(answer, &logged)
	if err == nil && (logged.GetInclusionProof().GetCheckpoint().GetEnvelope() == "" || len(logged.GetLogId().GetKeyId()) == 0 || len(logged.GetCanonicalizedBody()) == 0) {
		err = errors.New("it has no body, no inclusion proof or no log")
	}
	if err != nil {
		return nil, fmt.Errorf("rekor at %s answered with an unusable entry: %w", t.base, err)
	}
	return &logged, nil
}
