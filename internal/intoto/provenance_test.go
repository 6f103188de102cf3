package intoto_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/intoto"
)

var run = intoto.Run{
	Server: "https://github.com", Repository: "acme/app", RepositoryID: "1296269", OwnerID: "9919",
	Ref: "refs/tags/v1.2.3", SHA: "babca52ab0c93ae16539e5923cb0d7403b9a093b",
	WorkflowRef:    "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3",
	JobWorkflowRef: "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3",
	Event:          "push", RunnerEnvironment: "github-hosted", ID: "17", Attempt: "1",
}

// provenance is what actions/attest-build-provenance writes for run.
const provenance = `{
 "buildDefinition": {
  "buildType": "https://actions.github.io/buildtypes/workflow/v1",
  "externalParameters": {"workflow": {
   "ref": "refs/tags/v1.2.3", "repository": "https://github.com/acme/app", "path": ".github/workflows/release.yml"}},
  "internalParameters": {"github": {
   "event_name": "push", "repository_id": "1296269", "repository_owner_id": "9919", "runner_environment": "github-hosted"}},
  "resolvedDependencies": [
   {"uri": "git+https://github.com/acme/app@refs/tags/v1.2.3", "digest": {"gitCommit": "babca52ab0c93ae16539e5923cb0d7403b9a093b"}}]},
 "runDetails": {
  "builder": {"id": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"},
  "metadata": {"invocationId": "https://github.com/acme/app/actions/runs/17/attempts/1"}}}`

func build(t *testing.T, run intoto.Run) intoto.Provenance {
	t.Helper()
	p, err := intoto.NewProvenance(run)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProvenanceIsWrittenAsGitHubsActionDoes(t *testing.T) {
	t.Parallel()
	got, err := build(t, run).Predicate()
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(provenance)); err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Errorf("got  %s\nwant %s", got, want.String())
	}
}

func TestProvenanceIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	want := build(t, run)
	want.Materials = []intoto.Resource{{URI: "pkg:docker/alpine@3.22", Digest: map[string]string{"sha256": digest.Hex()}}}
	want.Byproducts = []intoto.Resource{{Name: "linux/arm64", Digest: map[string]string{"sha256": digest.Hex()}, MediaType: "application/vnd.in-toto+json"}}
	text, err := want.Predicate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := intoto.ParseProvenance(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestAWorkflowOfAnotherRepositoryIsAMaterial(t *testing.T) {
	t.Parallel()
	reusable := run
	reusable.JobWorkflowRef = "acme/workflows/.github/workflows/image.yml@v2"
	reusable.JobWorkflowSHA = "0123456789abcdef0123456789abcdef01234567"
	p := build(t, reusable)
	want := []intoto.Resource{{URI: "git+https://github.com/acme/workflows@v2", Digest: map[string]string{"gitCommit": reusable.JobWorkflowSHA}}}
	if !reflect.DeepEqual(p.Materials, want) || p.Builder != "https://github.com/"+reusable.JobWorkflowRef {
		t.Errorf("materials %v, builder %q", p.Materials, p.Builder)
	}
}

func TestPathsAndRefsMayHoldAnAt(t *testing.T) {
	t.Parallel()
	odd := run
	odd.Ref = "refs/tags/@acme/app@1.2.3"
	odd.WorkflowRef = "acme/app/.github/workflows/a@b.yml@" + odd.Ref
	if p := build(t, odd); p.Workflow != ".github/workflows/a@b.yml" || p.Ref != odd.Ref {
		t.Errorf("workflow %q at %q", p.Workflow, p.Ref)
	}
}

func TestARunThatDoesNotSayWhatItBuiltHasNoProvenance(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*intoto.Run){
		`no "sha"`:                  func(r *intoto.Run) { r.SHA = "" },
		`no "run_attempt"`:          func(r *intoto.Run) { r.Attempt = "" },
		`"main" is not a commit`:    func(r *intoto.Run) { r.SHA = "main" },
		`is not of "acme/other" at`: func(r *intoto.Run) { r.Repository = "acme/other" },
		`at "refs/heads/main"`:      func(r *intoto.Run) { r.Ref = "refs/heads/main" },
	} {
		r := run
		edit(&r)
		if p, err := intoto.NewProvenance(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v; want %q", p, err, want)
		}
	}
}

func TestProvenanceThatAPolicyCouldNotDecideIsRefused(t *testing.T) {
	t.Parallel()
	const commit = `{"uri": "git+https://github.com/acme/app@refs/tags/v1.2.3", "digest": {"gitCommit": "babca52ab0c93ae16539e5923cb0d7403b9a093b"}}`
	for name, edit := range map[string][2]string{
		"another build type":            {`buildtypes/workflow/v1"`, `buildtypes/workflow/v2"`},
		"no build type":                 {`"buildType"`, `"type"`},
		"a name in other letters":       {`"ref": "refs`, `"Ref": "refs`},
		"a name in both":                {`"ref": "refs`, `"Ref": "refs/heads/main", "ref": "refs`},
		"a name twice":                  {`"ref": "refs`, `"ref": "refs/heads/main", "ref": "refs`},
		"an unknown workflow parameter": {`"path": `, `"image": "evil", "path": `},
		"an unknown parameter":          {`"workflow": {`, `"inputs": {"debug": "true"}, "workflow": {`},
		"no repository":                 {`"repository": "https://github.com/acme/app"`, `"repository": ""`},
		"no commit":                     {commit, ``},
		"a commit of another ref":       {`@refs/tags/v1.2.3", "digest"`, `@refs/heads/main", "digest"`},
		"two commits":                   {commit, commit + "," + strings.Replace(commit, "babca5", "abcabc", 1)},
		"a short commit":                {`babca52ab0c93ae16539e5923cb0d7403b9a093b`, `babca52`},
		"another kind of digest":        {`"gitCommit"`, `"sha1"`},
		"no builder":                    {`"builder": {"id": `, `"builder": {"name": `},
		"a dependency of text":          {commit, `"` + `git+https` + `"`},
		"a list of parameters":          {`"externalParameters": {`, `"externalParameters": [], "more": {`},
		"nothing":                       {provenance, ``},
		"text":                          {provenance, `"x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(provenance, edit[0], edit[1], 1)
			if text == provenance {
				t.Fatal("the edit changes nothing")
			}
			if p, err := intoto.ParseProvenance(json.RawMessage(text)); err == nil {
				t.Errorf("read as %+v", p)
			}
		})
	}
}

func TestProvenanceThatCouldNotBeReadIsNotWritten(t *testing.T) {
	t.Parallel()
	p := build(t, run)
	p.Materials = []intoto.Resource{{URI: "git+https://github.com/acme/app@refs/tags/v1.2.3", Digest: map[string]string{"gitCommit": strings.Repeat("a", 40)}}}
	if text, err := p.Predicate(); err == nil {
		t.Errorf("written as %s", text)
	}
	if text, err := (intoto.Provenance{}).Predicate(); err == nil {
		t.Errorf("the zero value is written as %s", text)
	}
}

func TestUnknownDetailsAreAllowed(t *testing.T) {
	t.Parallel()
	text := strings.Replace(provenance, `"runDetails": {`, `"runDetails": {"more": [1],`, 1)
	text = strings.Replace(text, `"github": {`, `"runner": "x", "github": {"actor": "octocat",`, 1)
	if _, err := intoto.ParseProvenance(json.RawMessage(text)); err != nil {
		t.Error(err)
	}
}

func TestAnotherAttemptOfARunSaysTheSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(*intoto.Run)
		same bool
	}{
		"itself":          {func(*intoto.Run) {}, true},
		"another attempt": {func(r *intoto.Run) { r.Attempt = "2" }, true},
		"another run":     {func(r *intoto.Run) { r.ID, r.Event = "18", "workflow_dispatch" }, true},
		"another commit":  {func(r *intoto.Run) { r.SHA = strings.Repeat("a", 40) }, false},
		"another ref": {func(r *intoto.Run) {
			r.Ref, r.WorkflowRef = "refs/heads/main", "acme/app/.github/workflows/release.yml@refs/heads/main"
		}, false},
		"another workflow": {func(r *intoto.Run) { r.WorkflowRef = "acme/app/.github/workflows/evil.yml@refs/tags/v1.2.3" }, false},
		"another repository": {func(r *intoto.Run) {
			r.Repository, r.WorkflowRef = "evil/app", "evil/app/.github/workflows/release.yml@refs/tags/v1.2.3"
		}, false},
	} {
		statement := func(r intoto.Run) intoto.Statement {
			text, err := build(t, r).Predicate()
			if err != nil {
				t.Fatal(err)
			}
			return intoto.New(digest, intoto.SLSAProvenance, text)
		}
		other := run
		test.edit(&other)
		if got := statement(run).SamePredicate(statement(other)); got != test.same {
			t.Errorf("%s: got %v, want %v", name, got, test.same)
		}
	}
}

func FuzzParseProvenance(f *testing.F) {
	f.Add([]byte(provenance))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := intoto.ParseProvenance(data)
		if err != nil {
			return
		}
		text, err := p.Predicate()
		if err != nil {
			t.Fatalf("%s is read and can't be written: %v", data, err)
		}
		again, err := intoto.ParseProvenance(text)
		if err != nil || !p.SameSource(again) || len(again.Materials) != len(p.Materials) {
			t.Errorf("%s became %s: %v", data, text, err)
		}
	})
}
