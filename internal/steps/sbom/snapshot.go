package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/anchore/syft/syft/format/github"
	"github.com/anchore/syft/syft/sbom"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
)

// builtOf is the commit that the image was built of. In a run for a pull request
// the job's is a merge that nobody sees.
func builtOf(j job.Job) string {
	pull, _ := j.Event["pull_request"].(map[string]any)
	head, _ := pull["head"].(map[string]any)
	if sha, ok := head["sha"].(string); ok {
		return sha
	}
	return j.Commit
}

// checkSnapshots refuses snapshots that are for nobody.
func checkSnapshots(cfg Config, d Deps) error {
	if cfg.DependencySnapshot && (d.GitHub == nil || builtOf(d.Job) == "") {
		return hint.New("input \"dependency-snapshot\": there is no repository whose dependency graph it could go to", "leave it out outside of GitHub Actions")
	}
	return nil
}

// encodeSnapshot writes the packages as GitHub's dependency submission API
// takes them, without the job.
func encodeSnapshot(w io.Writer, about subject, content *sbom.SBOM) error {
	var text bytes.Buffer
	if err := github.NewFormatEncoder().Encode(&text, *content); err != nil {
		return err
	}
	var snapshot ghapi.Snapshot
	if err := json.Unmarshal(text.Bytes(), &snapshot); err != nil {
		return err
	}
	snapshot.Scanned = about.created.UTC()
	return json.NewEncoder(w).Encode(snapshot)
}

// submit uploads one snapshot for each platform. Each has a correlator of its
// own: of those with the same one only the last would count.
func submit(ctx context.Context, d Deps, found []catalogue) error {
	for _, c := range found {
		var snapshot ghapi.Snapshot
		if err := json.Unmarshal(c.snapshot, &snapshot); err != nil {
			return err
		}
		snapshot.SHA, snapshot.Ref = builtOf(d.Job), d.Job.Ref
		snapshot.Job = ghapi.SnapshotJob{
			Correlator: fmt.Sprintf("%s_%s_%s_%s", d.Job.Workflow, d.Job.Name, c.about.name(), c.about.platform.Slug()),
			ID:         strconv.FormatInt(d.Job.RunID, 10), URL: d.Job.RunURL(),
		}
		if err := d.GitHub.SubmitSnapshot(ctx, snapshot); err != nil {
			return err
		}
		d.Log.Info("submitted the packages to the dependency graph", "platform", c.about.platform.String())
	}
	return nil
}
