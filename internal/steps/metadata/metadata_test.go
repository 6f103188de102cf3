package metadata

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
)

const commit = "860c1904a1ce19322e91ac35af1ab07466440c37"

// try runs the step on a push of ref to a repository that the payload tells
// all about, and returns its log, too.
func try(t *testing.T, inputs map[string]string, ref string) (Result, string, error) {
	t.Helper()
	return tryOn(t, inputs, "push", ref)
}

// evening is when the tests' runs are.
var evening = time.Date(2024, time.March, 9, 23, 45, 17, 0, time.UTC)

// noSettings is an environment without any.
func noSettings(string) string { return "" }

func tryOn(t *testing.T, inputs map[string]string, name, ref string) (Result, string, error) {
	t.Helper()
	cfg, err := config(inputs)
	if err != nil {
		return Result{}, "", err
	}
	event := map[string]any{"repository": map[string]any{
		"name": "app", "description": nil, "html_url": "https://github.com/org/app", "default_branch": "main", "license": map[string]any{"spdx_id": "MIT"},
	}}
	var log bytes.Buffer
	result, err := Run(t.Context(), cfg, Deps{
		Job:    job.Job{Repository: "org/app", EventName: name, Ref: ref, Commit: commit, Event: event},
		Getenv: noSettings, Now: evening, GitHub: refusing{t}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	return result, log.String(), err
}

func checkTags(t *testing.T, r Result) {
	t.Helper()
	for i, name := range r.lists.TagNames {
		if !image.ValidTag(name) {
			t.Errorf("%q left, which is no tag", name)
		}
		if slices.Contains(r.lists.TagNames[:i], name) {
			t.Errorf("%q left twice", name)
		}
	}
	if r.Version != "" && !image.ValidTag(r.Version) {
		t.Errorf("version %q left, which is no tag", r.Version)
	}
}

func TestTheReleaseWorkflowsRules(t *testing.T) {
	t.Parallel()
	const rules = "type=semver,pattern={{version}}\ntype=semver,pattern={{major}}.{{minor}}\ntype=semver,pattern={{major}}\ntype=ref,event=branch\ntype=ref,event=pr\ntype=sha,enable={{is_default_branch}}"
	for ref, want := range map[string]string{
		"refs/tags/v1.2.3":      "1.2.3 1.2 1 latest",
		"refs/tags/1.2.3":       "1.2.3 1.2 1 latest",
		"refs/tags/v1.3.0-rc.1": "1.3.0-rc.1",
		"refs/heads/main":       "main sha-860c190",
		"refs/heads/feat/x":     "feat-x",
		"refs/pull/42/merge":    "pr-42",
	} {
		r, log, err := try(t, map[string]string{"images": "ghcr.io/org/app", "tags": rules, "strict": "true"}, ref)
		if got := strings.ReplaceAll(r.TagNames, "\n", " "); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", ref, got, err, want)
		}
		if log != "" {
			t.Errorf("%s: logged %s", ref, log)
		}
	}
}

// refusing fails a test that asks GitHub.
type refusing struct{ t *testing.T }

var errAsked = errors.New("GitHub was asked")

func (r refusing) About(context.Context) (ghapi.About, error) {
	r.t.Error(errAsked)
	return ghapi.About{}, errAsked
}

func (r refusing) TagNames(context.Context) ([]string, error) {
	r.t.Error(errAsked)
	return nil, errAsked
}

func (r refusing) CommitDate(context.Context, string) (time.Time, error) {
	r.t.Error(errAsked)
	return time.Time{}, errAsked
}

func TestNoInvalidTagLeaves(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 130)
	for _, test := range []struct{ inputs, ref, want, warning string }{
		{"type=sha,prefix={{branch}}-", "refs/tags/v1.2.3", "860c190", `rule \"type=sha,prefix={{branch}}-\": tag \"-860c190\" becomes \"860c190\"`},
		{"type=raw,value=.-.x", "", "x", `rule \"type=raw,value=.-.x\"`},
		{"type=raw,value=" + long, "", long[:128], "is cut to 128 characters"},
		{"type=raw,value=!!", "", "", `tag \"-\" is dropped: it has nothing but dots and hyphens`},
		{"type=raw,value=a\ntype=raw,value=-a", "", "a", `tag \"-a\" is dropped: \"a\" is there already`},
		{"type=ref,event=tag\ntype=raw,value=latest", "refs/tags/v1", "v1 latest", `flavor: tag \"latest\" is dropped`},
		{"type=raw,value=a/b c_d.E", "", "a-b-c_d.E", ""},
		{"type=raw,value=a\ntype=raw,value=a", "", "a", ""},
	} {
		r, log, err := try(t, map[string]string{"images": "a/b", "tags": test.inputs}, test.ref)
		if err != nil {
			t.Errorf("%s: %v", test.inputs, err)
			continue
		}
		checkTags(t, r)
		if got := strings.ReplaceAll(r.TagNames, "\n", " "); got != test.want {
			t.Errorf("%s: %q, want %q", test.inputs, got, test.want)
		}
		if (test.warning == "") != !strings.Contains(log, "level=WARN") || !strings.Contains(log, test.warning) {
			t.Errorf("%s: logged %s; want %q", test.inputs, log, test.warning)
		}
	}
}

func TestStrictRefusesWhatAReleaseCanNotGoOnWith(t *testing.T) {
	t.Parallel()
	const semver = "type=semver,pattern={{version}}"
	for _, test := range []struct {
		name, images, tags, ref string
		says                    []string
	}{
		{"no image name", "", semver, "refs/tags/v1.2.3", []string{`input "images" names no image`, "ghcr.io/"}},
		{"a bad image name", "ghcr.io/org/app\na b/c", semver, "refs/tags/v1.2.3", []string{"line 2", `"a b/c"`}},
		{"a tag that is no version", "a/b", semver + "\ntype=sha", "refs/tags/release-1", []string{`git tag "release-1" gives no version`, semver + ": \"release-1\" is no semantic version", "v1.2.3"}},
		{"no rule for a tag", "a/b", "type=ref,event=branch", "refs/tags/v1.2.3", []string{`no rule gives a tag for the git tag "v1.2.3"`, "is no branch", "type=ref,event=tag"}},
		{"a manual run on a branch", "a/b", semver, "refs/heads/main", []string{"no rule gives a tag", `"refs/heads/main"`, "gh workflow run --ref v1.2.3", "version"}},
	} {
		inputs := map[string]string{"images": test.images, "tags": test.tags, "strict": "true"}
		_, _, err := try(t, inputs, test.ref)
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		said := err.Error() + "\n" + strings.Join(hint.Of(err), "\n")
		for _, text := range test.says {
			if !strings.Contains(said, text) {
				t.Errorf("%s: %s; want %q in it", test.name, said, text)
			}
		}
		// The peer goes on, and so does the step where it isn't strict.
		inputs["strict"] = "false"
		_, log, err := try(t, inputs, test.ref)
		if err != nil || (test.images != "") != strings.Contains(log, "level=WARN") {
			t.Errorf("%s: %v, logged %s", test.name, err, log)
		}
	}
}

func TestImageNamesAreInLowerCase(t *testing.T) {
	t.Parallel()
	r, log, err := try(t, map[string]string{"images": "GHCR.io/Org/App\ndocker.io/org/app", "tags": "x"}, "refs/heads/main")
	if err != nil || r.Tags != "ghcr.io/org/app:x\ndocker.io/org/app:x" || !slices.Equal(r.ImageNames, []string{"ghcr.io/org/app", "docker.io/org/app"}) {
		t.Errorf("%q, %q, %v", r.Tags, r.ImageNames, err)
	}
	if strings.Count(log, "upper-case") != 1 || strings.Contains(log, "WARN") {
		t.Errorf("logged %s", log)
	}
}

func TestTheVersionInputStandsInForATag(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{"images": "a/b", "tags": "type=semver,pattern={{version}}\ntype=ref,event=tag\ntype=raw,value=on-{{tag}}", "version": "v1.2.3", "strict": "true"}
	for _, ref := range []string{"refs/heads/main", "refs/tags/v1.2.3", ""} {
		r, _, err := try(t, inputs, ref)
		if err != nil || r.TagNames != "1.2.3\nv1.2.3\non-v1.2.3\nlatest" {
			t.Errorf("on %q: %q, %v", ref, r.TagNames, err)
		}
	}
	_, _, err := try(t, inputs, "refs/tags/v2.0.0")
	if err == nil || !strings.Contains(err.Error(), `"v1.2.3"`) || !strings.Contains(err.Error(), `"v2.0.0"`) {
		t.Errorf("against another tag: %v", err)
	}
}

func TestBadInputsAreNamedWithTheirMends(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ input, text, says string }{
		{"tags", "type=raw,value=a\ntype=foo", `line 2, "type=foo": unknown type "foo"; the types are edge, match`},
		{"tags", "type=semver", `attribute "pattern" is missing; write it as in "type=semver,pattern={{version}}"`},
		{"tags", "type=raw", `attribute "value" is missing`},
		{"tags", "type=ref,event=foo", `attribute "event" is "foo"; write event=branch, event=tag or event=pr`},
		{"tags", "type=ref", `attribute "event" is missing`},
		{"tags", "type=sha,format=LONG", `attribute "format" is "LONG"; write format=short or format=long`},
		{"tags", "type=match,pattern=x,group=y", `attribute "group" is "y"`},
		{"tags", "type=raw,value=a,enable=TRUE", `attribute "enable" is "TRUE"; write true, false`},
		{"tags", "type=raw,value={{nope 'x'}}", `unknown function "nope"`},
		{"tags", "type=raw,value={{#if}}", `template "{{#if}}"`},
		{"tags", "type=raw,value=x,prefix={{bad", `attribute "prefix": template "{{bad": unclosed expression; an expression is a name in double braces`},
		{"tags", "type=raw,value={{date}}", "a date takes one format; write it in quotes"},
		{"tags", "type=raw,value={{date 2024}}", "2024 is no format of a date"},
		{"tags", "type=raw,value={{date 'Y' zone='x'}}", `unknown attribute "zone" of a date`},
		{"tags", "type=raw,value={{date 'Y' tz=''}}", "the time zone of a date is empty"},
		{"tags", "type=match,pattern=(,value=x", `attribute "pattern": bad regular expression "("`},
		{"tags", "type=semver,pattern={{version}},match=(,value=x", `attribute "match": bad regular expression "("`},
		{"tags", "type=semver,pattern={{nope 1}},value=1.2.3", `attribute "pattern": template "{{nope 1}}": unknown function "nope"`},
		{"flavor", "suffix={{nope 1}}", "the flavor's suffix: template"},
		{"flavor", "latest=auto,prefer=git", `attribute "prefer" has no meaning without "latest=highest"`},
		{"flavor", "latest=highest,prefer=x", `attribute "prefer" is "x"; write prefer=registry or prefer=git`},
		{"ref", "v1.2.3", `input "ref": "v1.2.3" is no full name; write it as in refs/tags/v1.2.3`},
		{"tags", "type=match,pattern=/x/gg,value=x", `the flags are "gg"`},
		{"tags", "type=foo,type=sha", `unknown type "foo"`},
		{"tags", "type=sha\n \nx", "line 2 has nothing but white space; delete the line"},
		{"tags", "type=raw,value={{sha.length}}", `property "length" is asked of a text that is computed`},
		{"tags", "type=raw,value={{lookup this 'sha'}}", `"sha" is computed and can't be looked up; write {{sha}}`},
		{"tags", "type=semver,pattern={{version}},match=v.*,value=v1", `match "v.*" has no group; put the version in parentheses`},
		{"tags", "type=raw,value=a\"b", "line 1, \"type=raw,value=a\\\"b\": a quote stands in the middle of a field; a quoted field starts with its quote"},
		{"tags", `"type=raw`, "line 1: a quote is not closed"},
		{"flavor", "latest=maybe", `attribute "latest" is "maybe"; write latest=auto`},
		{"flavor", "prefix=a\nfoo=bar", `line 2, "foo=bar": unknown attribute "foo"`},
		{"flavor", "prefix=a,onlatest=1", `attribute "onlatest" is "1"`},
		{"flavor", "foo", `unknown attribute "foo"`},
		{"images", "name=", "the image has no name"},
		{"images", "name=a,enable=1", `attribute "enable" is "1"`},
		{"images", "foo=bar", `unknown attribute "foo"`},
		{"labels", "a=b\nx={{", `input "labels": line 2: template "x={{"`},
		{"annotations", "x={{nope 1}}", `input "annotations": line 1`},
		{"context", "foo", `input "context": "foo" is unknown; write workflow or git`},
	} {
		inputs := map[string]string{"images": "a/b", "tags": "x"}
		inputs[test.input] = test.text
		result, _, err := try(t, inputs, "refs/heads/main")
		if err == nil {
			t.Errorf("%s %q: no error", test.input, test.text)
			continue
		}
		said := err.Error() + "; " + strings.Join(hint.Of(err), "; ")
		if !strings.Contains(said, test.says) {
			t.Errorf("%s %q: %s; want %q in it", test.input, test.text, said, test.says)
		}
		if diff := cmp.Diff("", result.Tags); diff != "" {
			t.Errorf("%s %q: tags in spite of the error: %s", test.input, test.text, diff)
		}
	}
}

func TestAllBadEntriesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config(map[string]string{"images": "foo=bar\nname=", "tags": "type=a\ntype=b", "flavor": "x=1\ny=2"})
	for _, line := range []string{`"foo"`, "no name", `"a"`, `"b"`, `"x"`, `"y"`} {
		if err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%v: want %s in it", err, line)
		}
	}
}

func TestUnknownAttributesAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, log, err := try(t, map[string]string{"images": "a/b", "tags": "type=raw,value=x,sufix=-y"}, "refs/heads/main")
	if err != nil || !strings.Contains(log, "unknown attributes: sufix") {
		t.Errorf("%v, logged %s", err, log)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	parse := func(name, value string) (Settings, error) {
		return parseSettings(func(n string) string {
			if n == name {
				return value
			}
			return ""
		}, time.Unix(5, 0))
	}
	if s, err := parse("SOURCE_DATE_EPOCH", "1710027917"); err != nil || s.Now.Format(time.RFC3339) != "2024-03-09T23:45:17Z" {
		t.Errorf("%v, %v", s.Now, err)
	}
	if s, err := parse("", ""); err != nil || s.Now.Unix() != 5 {
		t.Errorf("%v, %v", s.Now, err)
	}
	for name, value := range map[string]string{
		"SOURCE_DATE_EPOCH": "1h", "DOCKER_METADATA_SHORT_SHA_LENGTH": "many", "DOCKER_METADATA_SET_OUTPUT_ENV": "maybe",
	} {
		if _, err := parse(name, value); err == nil || !strings.Contains(err.Error(), name) || len(hint.Of(err)) == 0 {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func TestPrintExplainsEachRule(t *testing.T) {
	t.Parallel()
	r, _, err := try(t, map[string]string{"images": "a/b", "tags": "type=edge,branch=dev\ntype=raw,value=x,enable=false\ntype=sha\nx|<y>", "explain": "true", "labels": "l=<|>"}, "refs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`branch "main" is not "dev"`, "enable=false  false    x ", "it is not enabled", "latest=auto                    false", "sha-860c190", "a/b:sha-860c190", "version: x-y-"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%s\nwant %q in it", out.String(), text)
		}
	}
	for _, text := range []string{"| `a/b:sha-860c190` |", "| <code>x&#124;&#60;y&#62;</code> | true | <code>x&#124;&#60;y&#62;</code> | `x-y-` |", "| `l` | <code>&#60;&#124;&#62;</code> |"} {
		if !strings.Contains(r.Summary(), text) {
			t.Errorf("%s\nwant %q in it", r.Summary(), text)
		}
	}
}
