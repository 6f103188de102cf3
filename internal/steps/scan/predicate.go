package scan

import (
	"encoding/json"
	"time"

	"github.com/org/release-actions/internal/trivy"
)

// vulnerabilities is cosign's predicate of what a scanner found in an image.
//
// https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md
type vulnerabilities struct {
	Invocation struct {
		Parameters []string `json:"parameters"`
		URI        string   `json:"uri"`
		EventID    string   `json:"event_id"`
		Builder    string   `json:"builder.id"`
	} `json:"invocation"`
	Scanner struct {
		URI      string `json:"uri"`
		Version  string `json:"version"`
		Database struct {
			URI        string    `json:"uri"`
			Version    string    `json:"version"`
			LastUpdate time.Time `json:"lastUpdate"`
		} `json:"db"`
		Result json.RawMessage `json:"result"`
	} `json:"scanner"`
	Metadata struct {
		Started  time.Time `json:"scanStartedOn"`
		Finished time.Time `json:"scanFinishedOn"`
	} `json:"metadata"`
}

// predicate says of the image of t what was found, when, and by which database.
func predicate(t target, d Deps, started time.Time) vulnerabilities {
	var v vulnerabilities
	v.Invocation.Parameters = []string{}
	v.Invocation.URI = d.Job.RunURL()
	v.Scanner.URI, v.Scanner.Version = "pkg:github/aquasecurity/trivy@"+trivy.Version, trivy.Version
	v.Scanner.Database.LastUpdate = t.report.Database.UTC()
	v.Scanner.Result = t.report.JSON
	v.Metadata.Started, v.Metadata.Finished = started.UTC(), d.Now().UTC()
	return v
}
