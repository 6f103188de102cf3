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
)

// Job is the job of a workflow that the step runs in, as the runner's context
// has it. It is empty elsewhere.
type Job struct {
	APIURL, ServerURL string
	Repository        string
	Event             map[string]any // the event's payload
	Workflow, Name    string
	RunID             int64
	Commit, Ref       string
}

// commit is what the image was built of. In a run for a pull request the
// runner's commit is a merge that nobody sees.
func (j Job) commit() string {
	pull, _ := j.Event["pull_request"].(map[string]any)
	head, _ := pull["head"].(map[string]any)
	if sha, ok := head["sha"].(string); ok {
		return sha
	}
	return j.Commit
}

// newSnapshots returns the client that takes snapshots, or nil where none are wanted.
func newSnapshots(cfg Config, d Deps) (*ghapi.Client, error) {
	if !cfg.DependencySnapshot {
		return nil, nil
	}
	var repository ghapi.Repository
	if err := repository.UnmarshalText([]byte(d.Job.Repository)); err != nil || d.Job.commit() == "" {
		return nil, hint.New("input \"dependency-snapshot\": there is no repository whose dependency graph it could go to", "leave it out outside of GitHub Actions")
	}
	return ghapi.New(ghapi.Options{APIURL: d.Job.APIURL, Repository: repository, Token: cfg.Registry.GitHubToken, Transport: d.Transport})
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
func submit(ctx context.Context, client *ghapi.Client, d Deps, found []catalogue) error {
	for _, c := range found {
		var snapshot ghapi.Snapshot
		if err := json.Unmarshal(c.snapshot, &snapshot); err != nil {
			return err
		}
		run := strconv.FormatInt(d.Job.RunID, 10)
		snapshot.SHA, snapshot.Ref = d.Job.commit(), d.Job.Ref
		snapshot.Job = ghapi.SnapshotJob{
			Correlator: fmt.Sprintf("%s_%s_%s_%s", d.Job.Workflow, d.Job.Name, c.about.name(), c.about.platform.Slug()),
			ID:         run, URL: d.Job.ServerURL + "/" + d.Job.Repository + "/actions/runs/" + run,
		}
		if err := client.SubmitSnapshot(ctx, snapshot); err != nil {
			return err
		}
		d.Log.Info("submitted the packages to the dependency graph", "platform", c.about.platform.String())
	}
	return nil
}
