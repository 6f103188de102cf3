package ghapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/org/release-actions/internal/hint"
)

// Snapshot says what a commit depends on, as a detector found it. The newest
// one of a detector's name and a job's correlator counts, so that a second run
// replaces what the first one said.
//
// https://docs.github.com/rest/dependency-graph/dependency-submission
type Snapshot struct {
	Version   int               `json:"version"`
	Job       SnapshotJob       `json:"job"`
	SHA       string            `json:"sha"`
	Ref       string            `json:"ref"` // "refs/heads/main"
	Detector  Detector          `json:"detector"`
	Metadata  map[string]any    `json:"metadata,omitempty"` // eight at most
	Manifests map[string]Detail `json:"manifests"`
	Scanned   time.Time         `json:"scanned"`
}

// SnapshotJob is the job that a snapshot comes from.
type SnapshotJob struct {
	Correlator string `json:"correlator"`
	ID         string `json:"id"`
	URL        string `json:"html_url,omitempty"`
}

// Detector is the program that found the dependencies.
type Detector struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Version string `json:"version"`
}

// Detail is a manifest of the snapshot, which only its detector looks into.
type Detail = json.RawMessage

// SubmitSnapshot adds the snapshot to the repository's dependency graph. The
// token needs "contents: write".
func (c *Client) SubmitSnapshot(ctx context.Context, s Snapshot) error {
	var answer struct{ Result, Message string }
	if _, err := c.call(ctx, http.MethodPost, c.path("dependency-graph", "snapshots"), s, &answer); err != nil {
		return wrap(err, "submit the dependencies of %q", s.Job.Correlator)
	}
	switch answer.Result {
	case "SUCCESS", "ACCEPTED": // the latter for a branch that isn't the default one
		return nil
	}
	return hint.Wrap(fmt.Errorf("submit the dependencies of %q: the answer is %q: %s", s.Job.Correlator, answer.Result, answer.Message),
		"see that the dependency graph is on in the settings of %q, under \"Code security\"", c.repository)
}
