package attest

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
)

// runProvenance is the provenance of what this run makes. The job's token says what
// that is, as it does to Fulcio. Where a key signs, a job may have none: then it is
// the runner's variables, and whoever holds the key could write anything anyway.
func runProvenance(ctx context.Context, cfg Config, d Deps) (provenance intoto.Provenance, err error) {
	var run intoto.Run
	if cfg.Sigstore.Trust.Key != "" && d.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") == "" {
		run = runOf(d.Getenv)
	} else {
		run, err = claimedRun(ctx, d.Token)
	}
	if err == nil {
		provenance, err = intoto.NewProvenance(run)
	}
	return provenance, hint.Wrap(err, "provenance tells what a job of GitHub Actions built: without one, set \"build-provenance: false\"")
}

// claimedRun is the run that the job's token names.
func claimedRun(ctx context.Context, token sigstore.TokenSource) (run intoto.Run, err error) {
	job, err := sigstore.JobClaims(ctx, token, &run)
	run.Server = job.Server
	return run, err
}

// runOf is the run that the runner's variables name. They don't tell which reusable
// workflow a job is in: the run's own stands for it.
//
// https://docs.github.com/actions/reference/workflows-and-actions/variables
func runOf(getenv func(string) string) intoto.Run {
	return intoto.Run{
		Server: getenv("GITHUB_SERVER_URL"), Repository: getenv("GITHUB_REPOSITORY"), RepositoryID: getenv("GITHUB_REPOSITORY_ID"),
		OwnerID: getenv("GITHUB_REPOSITORY_OWNER_ID"), Ref: getenv("GITHUB_REF"), SHA: getenv("GITHUB_SHA"),
		WorkflowRef: getenv("GITHUB_WORKFLOW_REF"), JobWorkflowRef: getenv("GITHUB_WORKFLOW_REF"),
		Event: getenv("GITHUB_EVENT_NAME"), RunnerEnvironment: getenv("RUNNER_ENVIRONMENT"),
		ID: getenv("GITHUB_RUN_ID"), Attempt: getenv("GITHUB_RUN_ATTEMPT"),
	}
}

// of adds to the run's provenance what BuildKit says went into an image: its
// materials, and by its digest the statement that they are from. The index is
// made of all images.
func (s sources) of(subject evidence.Subject) (intoto.Provenance, error) {
	p := s.run
	p.Materials = slices.Clone(p.Materials)
	for _, a := range s.builds {
		n := slices.IndexFunc(s.subjects, func(s evidence.Subject) bool { return s.Digest == a.Image })
		if n < 0 || len(subject.Platforms) > 0 && a.Image != subject.Digest {
			continue
		}
		materials, err := intoto.Materials(a.Statement)
		if err != nil {
			return intoto.Provenance{}, fmt.Errorf("BuildKit's attestation %s of %s: %w", a.Digest, s.subjects[n], err)
		}
		for _, m := range materials {
			if !slices.ContainsFunc(p.Materials, func(r intoto.Resource) bool { return reflect.DeepEqual(r, m) }) {
				p.Materials = append(p.Materials, m)
			}
		}
		p.Byproducts = append(p.Byproducts, intoto.Resource{
			Name: "BuildKit's provenance of " + s.subjects[n].String(), Digest: map[string]string{"sha256": a.Digest.Hex()}, MediaType: a.MediaType,
		})
	}
	return p, nil
}
