package metadata

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
)

// recorded is one run of docker/metadata-action v6.2.0.
type recorded struct {
	ID    string `json:"id"`
	Input struct {
		Event struct {
			Name    string         `json:"name"`
			Ref     string         `json:"ref"`
			SHA     string         `json:"sha"`
			Payload map[string]any `json:"payload"`
		} `json:"event"`
		Inputs     map[string]string `json:"inputs"`
		Env        map[string]string `json:"env"`
		Repo       ghapi.About       `json:"repo"`
		RepoStatus int               `json:"repo_status"`
		Commit     *struct {
			Commit struct {
				Committer struct{ Date time.Time }
			}
		} `json:"commit"`
		Now      time.Time       `json:"now"`
		GitSteps json.RawMessage `json:"git_steps"` // a list of commands, or "no-repo"
	} `json:"input"`
	Expect struct {
		ExitCode    int                        `json:"exit_code"`
		Error       string                     `json:"error"`
		Outputs     map[string]json.RawMessage `json:"outputs"`
		BakeFiles   map[string]any             `json:"bake_files"`
		ExportedEnv []string                   `json:"exported_env"`
	} `json:"expect"`
}

func loadRecorded(t *testing.T) []recorded {
	t.Helper()
	f, err := os.Open("testdata/cases.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []recorded `json:"cases"`
	}
	if err := json.NewDecoder(z).Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// About answers as the recorded API did.
func (r recorded) About(context.Context) (ghapi.About, error) {
	if r.Input.RepoStatus >= 400 {
		return ghapi.About{}, errors.New("refused")
	}
	return r.Input.Repo, nil
}

// CommitDate answers as the recorded API did.
func (r recorded) CommitDate(context.Context, string) (time.Time, error) {
	if r.Input.Commit == nil {
		return time.Time{}, ghapi.ErrNotFound
	}
	return r.Input.Commit.Commit.Committer.Date, nil
}

// TagNames is not what the recorded runs ask for.
func (recorded) TagNames(context.Context) ([]string, error) { return nil, errors.New("nobody asks") }

// config decodes inputs by their names, as the runner's edge does.
func config(inputs map[string]string) (Config, error) {
	c := Config{
		Context: inputs["context"], SepTags: inputs["sep-tags"], SepLabels: inputs["sep-labels"], SepAnnotations: inputs["sep-annotations"],
		BakeTarget: inputs["bake-target"], Version: inputs["version"], Event: inputs["event"], Ref: inputs["ref"], SHA: inputs["sha"], Strict: inputs["strict"] == "true", Explain: inputs["explain"] == "true",
	}
	if strings.TrimSpace(c.BakeTarget) == "" {
		c.BakeTarget = "docker-metadata-action"
	}
	return c, errors.Join(
		c.Images.UnmarshalText([]byte(inputs["images"])), c.Tags.UnmarshalText([]byte(inputs["tags"])), c.Flavor.UnmarshalText([]byte(inputs["flavor"])),
		c.Labels.UnmarshalText([]byte(inputs["labels"])), c.Annotations.UnmarshalText([]byte(inputs["annotations"])), c.Validate())
}

// replay runs a recorded case.
func replay(t *testing.T, r recorded) (Result, error) {
	t.Helper()
	cfg, err := config(r.Input.Inputs)
	if err != nil {
		return Result{}, err
	}
	in := r.Input
	d := Deps{
		Job:    job.Job{Repository: "acme/app", EventName: in.Event.Name, Ref: in.Event.Ref, Commit: in.Event.SHA, Event: in.Event.Payload},
		Getenv: func(name string) string { return in.Env[name] }, Now: in.Now,
		GitHub: r, TempDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	}
	if len(in.GitSteps) > 0 {
		d.Job.Workspace, d.Environ = workingTree(t, in.GitSteps)
	}
	return Run(t.Context(), cfg, d)
}

func workingTree(t *testing.T, steps json.RawMessage) (dir string, environ []string) {
	t.Helper()
	dir = t.TempDir()
	environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=2023-11-05T06:07:08+02:00", "GIT_COMMITTER_DATE=2023-11-05T06:07:08+02:00",
	}
	var commands [][]string
	if err := json.Unmarshal(steps, &commands); err != nil {
		t.Fatalf("%s: %v", steps, err)
	}
	for _, args := range commands {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = dir, environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir, environ
}

func TestTheRecordedRunsOfThePeer(t *testing.T) {
	t.Parallel()
	cases := loadRecorded(t)
	if len(cases) != 1017 {
		t.Fatalf("%d cases were read", len(cases))
	}
	for _, r := range cases {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			got, err := replay(t, r)
			if (err != nil) != (r.Expect.ExitCode != 0) {
				t.Fatalf("error is %v, the peer's was %q", err, r.Expect.Error)
			}
			if err != nil {
				if got.Version+got.Tags+got.Labels != "" {
					t.Error("something was put out in spite of the error")
				}
				return
			}
			if diff := cmp.Diff(expected(t, r), actual(t, r, got)); diff != "" {
				t.Errorf("tags %q, flavor %q on %s %q: - the peer, + here\n%s", r.Input.Inputs["tags"], r.Input.Inputs["flavor"], r.Input.Event.Name, r.Input.Event.Ref, diff)
			}
			for _, name := range got.lists.TagNames {
				if !image.ValidTag(name) {
					t.Errorf("%q left, which is no tag", name)
				}
			}
		})
	}
}

// view is a run's outputs in comparable form; JSON and Bake are nil where the
// case has no record of them.
type view struct {
	Version                             string
	Tags, TagNames, Labels, Annotations []string
	JSON                                any
	Bake                                map[string]any
	Env                                 []string
}

func split(r recorded, separator, text string) []string {
	return strings.Split(text, orNewline(r.Input.Inputs[separator]))
}

func actual(t *testing.T, r recorded, got Result) view {
	t.Helper()
	v := view{
		Version: got.Version, Tags: split(r, "sep-tags", got.Tags), TagNames: split(r, "sep-tags", got.TagNames),
		Labels: split(r, "sep-labels", got.Labels), Annotations: split(r, "sep-annotations", got.Annotations),
		Env: slices.Sorted(maps.Keys(got.Env())),
	}
	if r.Expect.Outputs["json"] != nil {
		v.JSON = parse(t, got.JSON)
	}
	if r.Expect.BakeFiles != nil {
		v.Bake = map[string]any{}
		for name, path := range map[string]string{
			"bake-file-tags": got.BakeFileTags, "bake-file-labels": got.BakeFileLabels, "bake-file-annotations": got.BakeFileAnnotations, "bake-file": got.BakeFile,
		} {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			v.Bake[name] = parse(t, text)
		}
	}
	return v
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// expected is what the peer put out, but for the differences that are meant:
// no tag that a registry would refuse, and none twice.
func expected(t *testing.T, r recorded) view {
	t.Helper()
	output := func(name string) string {
		s, _ := parse(t, r.Expect.Outputs[name]).(string)
		return s
	}
	v := view{
		Version: validTag(output("version")),
		Tags:    validTags(split(r, "sep-tags", output("tags"))), TagNames: validTags(split(r, "sep-tags", output("tag-names"))),
		Labels: split(r, "sep-labels", output("labels")), Annotations: split(r, "sep-annotations", output("annotations")),
		Env: slices.Sorted(slices.Values(r.Expect.ExportedEnv)),
	}
	for _, list := range [][]string{v.Labels, v.Annotations} {
		for i := range list {
			list[i] = versionLabel.ReplaceAllString(list[i], "$1")
		}
	}
	if text := r.Expect.Outputs["json"]; text != nil {
		v.JSON = corrected("", parse(t, text))
	}
	if r.Expect.BakeFiles != nil {
		v.Bake, _ = corrected("", r.Expect.BakeFiles).(map[string]any)
	}
	return v
}

var versionLabel = regexp.MustCompile(`^((?:[^=]*:)?org\.opencontainers\.image\.version=)[.-]+`)

func validTag(tag string) string {
	tag = strings.TrimLeft(tag, ".-")
	return tag[:min(len(tag), 128)]
}

// validTags corrects tags or references.
func validTags(refs []string) []string {
	valid := []string{}
	for _, ref := range refs {
		name, tag := "", ref
		if i := strings.LastIndexByte(ref, ':'); i >= 0 {
			name, tag = ref[:i+1], ref[i+1:]
		}
		if tag = validTag(tag); tag != "" && !slices.Contains(valid, name+tag) {
			valid = append(valid, name+tag)
		}
	}
	if len(valid) == 0 {
		return []string{""}
	}
	return valid
}

// corrected corrects the tags and versions in a JSON value.
func corrected(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = corrected(name, v[name])
		}
	case []any:
		texts := []string{}
		for _, item := range v {
			texts = append(texts, item.(string))
		}
		if key == "tags" || key == "tag-names" {
			texts = validTags(texts)
		}
		list := []any{}
		for _, text := range texts {
			if text != "" {
				list = append(list, versionLabel.ReplaceAllString(text, "$1"))
			}
		}
		return list
	case string:
		switch key {
		case "org.opencontainers.image.version":
			return strings.TrimLeft(v, ".-")
		case "DOCKER_META_VERSION":
			return validTag(v)
		}
	}
	return v
}
