package intoto

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// WorkflowBuildType is the build type of what a workflow of GitHub Actions made.
//
// https://github.com/actions/buildtypes/tree/main/workflow/v1
const WorkflowBuildType = "https://actions.github.io/buildtypes/workflow/v1"

// Provenance is the SLSA provenance, version 1, of what a workflow of GitHub
// Actions made: the fields that actions/attest-build-provenance writes, and the
// materials that it doesn't know.
//
// https://slsa.dev/spec/v1.1/provenance
type Provenance struct {
	Repository string // its URL: "https://github.com/acme/app"
	Workflow   string // the workflow's file: ".github/workflows/release.yml"
	Ref        string // that started the workflow: "refs/tags/v1.2.3"
	Commit     string // that Ref was, in hexadecimal digits

	// What follows is as GitHub says it, or "".
	Event             string // "push"
	RepositoryID      string // a number, which outlives renaming
	OwnerID           string
	RunnerEnvironment string // "github-hosted" or "self-hosted"

	Builder    string     // URL of the workflow whose job did it, which is another one where it is reusable
	Invocation string     // URL of the run's attempt
	Materials  []Resource // what went into it beside Commit
	Byproducts []Resource // what came out beside the artifact
}

// Run is a run of a workflow, by the names that the claims of its OIDC token have.
//
// https://docs.github.com/actions/reference/security/oidc
type Run struct {
	Server            string `json:"-"` // GitHub's URL: "https://github.com"
	Repository        string `json:"repository"`
	RepositoryID      string `json:"repository_id"`
	OwnerID           string `json:"repository_owner_id"`
	Ref               string `json:"ref"`
	SHA               string `json:"sha"`
	WorkflowRef       string `json:"workflow_ref"` // "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"
	JobWorkflowRef    string `json:"job_workflow_ref"`
	JobWorkflowSHA    string `json:"job_workflow_sha"`
	Event             string `json:"event_name"`
	RunnerEnvironment string `json:"runner_environment"`
	ID                string `json:"run_id"`
	Attempt           string `json:"run_attempt"`
}

// NewProvenance returns the provenance of what run makes. It is an error where
// the run doesn't say what was built by what.
func NewProvenance(run Run) (Provenance, error) {
	required := map[string]string{
		"repository": run.Repository, "ref": run.Ref, "sha": run.SHA, "workflow_ref": run.WorkflowRef,
		"job_workflow_ref": run.JobWorkflowRef, "run_id": run.ID, "run_attempt": run.Attempt,
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		if required[name] == "" {
			return Provenance{}, fmt.Errorf("the run has no %q", name)
		}
	}
	// Both paths and refs may hold an @.
	path, atRef := strings.CutSuffix(run.WorkflowRef, "@"+run.Ref)
	path, inRepository := strings.CutPrefix(path, run.Repository+"/")
	if !atRef || !inRepository {
		return Provenance{}, fmt.Errorf("the run's workflow %q is not of %q at %q", run.WorkflowRef, run.Repository, run.Ref)
	}
	url := run.Server + "/" + run.Repository
	p := Provenance{
		Repository: url, Workflow: path, Ref: run.Ref, Commit: run.SHA,
		Event: run.Event, RepositoryID: run.RepositoryID, OwnerID: run.OwnerID, RunnerEnvironment: run.RunnerEnvironment,
		Builder:    run.Server + "/" + run.JobWorkflowRef,
		Invocation: fmt.Sprintf("%s/actions/runs/%s/attempts/%s", url, run.ID, run.Attempt),
	}
	if reusable, ref, ok := reusableWorkflow(run); ok {
		p.Materials = append(p.Materials, Resource{
			URI: fmt.Sprintf("git+%s/%s@%s", run.Server, reusable, ref), Digest: map[string]string{"gitCommit": run.JobWorkflowSHA},
		})
	}
	return p, p.check()
}

// reusableWorkflow returns the repository of the job's workflow, and its ref
// there, where it is of another repository than the run.
func reusableWorkflow(run Run) (repository, ref string, ok bool) {
	path, ref, _ := strings.Cut(run.JobWorkflowRef, "@")
	parts := strings.SplitN(path, "/", 3)
	if len(parts) < 3 || run.JobWorkflowSHA == "" {
		return "", "", false
	}
	repository = parts[0] + "/" + parts[1]
	return repository, ref, repository != run.Repository
}

// SameSource reports whether both are of the same commit, built by the same
// workflow at the same ref: another attempt of a run, or another run of it.
func (p Provenance) SameSource(other Provenance) bool {
	return p.Repository == other.Repository && p.Workflow == other.Workflow && p.Ref == other.Ref && p.Commit == other.Commit
}

// predicate is the order of the fields in JSON.
type predicate struct {
	Definition struct {
		BuildType string `json:"buildType"`
		External  struct {
			Workflow workflow `json:"workflow"`
		} `json:"externalParameters"`
		Internal struct {
			GitHub internal `json:"github"`
		} `json:"internalParameters"`
		Dependencies []Resource `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	Details struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string `json:"invocationId,omitempty"`
		} `json:"metadata"`
		Byproducts []Resource `json:"byproducts,omitempty"`
	} `json:"runDetails"`
}

type workflow struct {
	Ref        string `json:"ref"`
	Repository string `json:"repository"`
	Path       string `json:"path"`
}

type internal struct {
	Event             string `json:"event_name,omitempty"`
	RepositoryID      string `json:"repository_id,omitempty"`
	OwnerID           string `json:"repository_owner_id,omitempty"`
	RunnerEnvironment string `json:"runner_environment,omitempty"`
}

// Predicate returns the provenance as the predicate of a statement.
func (p Provenance) Predicate() (json.RawMessage, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	var out predicate
	out.Definition.BuildType = WorkflowBuildType
	out.Definition.External.Workflow = workflow{Ref: p.Ref, Repository: p.Repository, Path: p.Workflow}
	out.Definition.Internal.GitHub = internal{Event: p.Event, RepositoryID: p.RepositoryID, OwnerID: p.OwnerID, RunnerEnvironment: p.RunnerEnvironment}
	commit := Resource{URI: p.source(), Digest: map[string]string{"gitCommit": p.Commit}}
	out.Definition.Dependencies = append([]Resource{commit}, p.Materials...)
	out.Details.Builder.ID = p.Builder
	out.Details.Metadata.InvocationID = p.Invocation
	out.Details.Byproducts = p.Byproducts
	return json.Marshal(out)
}

// source is the URI of the commit among the dependencies.
func (p Provenance) source() string { return "git+" + p.Repository + "@" + p.Ref }

// ParseProvenance reads the predicate of a statement. It is an error where a
// policy could not tell what was built by what: another build type, parameters
// that the build type doesn't have, or other than one commit.
func ParseProvenance(text json.RawMessage) (Provenance, error) {
	p, err := parseProvenance(text)
	if err != nil {
		return Provenance{}, fmt.Errorf("provenance: %w", err)
	}
	return p, nil
}

func parseProvenance(text json.RawMessage) (Provenance, error) {
	if err := Unambiguous(text); err != nil {
		return Provenance{}, err
	}
	var p Provenance
	var buildType string
	var external, from json.RawMessage
	var dependencies, byproducts []json.RawMessage
	err := fields(text, map[string]any{
		"buildDefinition.buildType":                                      &buildType,
		"buildDefinition.externalParameters":                             &external,
		"buildDefinition.externalParameters.workflow":                    &from,
		"buildDefinition.externalParameters.workflow.repository":         &p.Repository,
		"buildDefinition.externalParameters.workflow.path":               &p.Workflow,
		"buildDefinition.externalParameters.workflow.ref":                &p.Ref,
		"?buildDefinition.internalParameters.github.event_name":          &p.Event,
		"?buildDefinition.internalParameters.github.repository_id":       &p.RepositoryID,
		"?buildDefinition.internalParameters.github.repository_owner_id": &p.OwnerID,
		"?buildDefinition.internalParameters.github.runner_environment":  &p.RunnerEnvironment,
		"buildDefinition.resolvedDependencies":                           &dependencies,
		"runDetails.builder.id":                                          &p.Builder,
		"?runDetails.metadata.invocationId":                              &p.Invocation,
		"?runDetails.byproducts":                                         &byproducts,
	})
	if err != nil {
		return Provenance{}, err
	}
	if buildType != WorkflowBuildType {
		return Provenance{}, fmt.Errorf("its build type is %q, not %q", buildType, WorkflowBuildType)
	}
	// A parameter that isn't understood could have changed what was built.
	if _, err := object(external, "workflow"); err != nil {
		return Provenance{}, fmt.Errorf("externalParameters: %w", err)
	}
	if _, err := object(from, "repository", "path", "ref"); err != nil {
		return Provenance{}, fmt.Errorf("externalParameters.workflow: %w", err)
	}
	if p.Materials, err = parseResources(dependencies); err != nil {
		return Provenance{}, fmt.Errorf("resolvedDependencies: %w", err)
	}
	if p.Byproducts, err = parseResources(byproducts); err != nil {
		return Provenance{}, fmt.Errorf("byproducts: %w", err)
	}
	return p.withCommit()
}

// withCommit takes the commit out of the materials.
func (p Provenance) withCommit() (Provenance, error) {
	commits := 0
	p.Materials = slices.DeleteFunc(p.Materials, func(r Resource) bool {
		if r.URI != p.source() {
			return false
		}
		commits++
		p.Commit = r.Digest["gitCommit"]
		return true
	})
	if commits != 1 {
		return Provenance{}, fmt.Errorf("%d of its dependencies are %q, not one", commits, p.source())
	}
	return p, p.check()
}

var hexCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// check holds what is written to the same rules as what is read.
func (p Provenance) check() error {
	switch {
	case p.Repository == "", p.Workflow == "", p.Ref == "":
		return errors.New("it names no workflow")
	case !hexCommit.MatchString(p.Commit):
		return fmt.Errorf("%q is not a commit", p.Commit)
	case p.Builder == "":
		return errors.New("it names no builder")
	case slices.ContainsFunc(p.Materials, func(r Resource) bool { return r.URI == p.source() }):
		return fmt.Errorf("a material beside the commit is %q, too", p.source())
	}
	return nil
}
