package metadata

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
)

// releases are what registries and git have: the tags of each image by its
// name, and those of git by "".
type releases map[string]string

func (r releases) Tags(_ context.Context, repo image.Repository) ([]string, error) {
	if r[repo.String()] == "denied" {
		return nil, errors.New("denied")
	}
	return strings.Fields(r[repo.String()]), nil
}

func (r releases) TagNames(context.Context) ([]string, error) { return strings.Fields(r[""]), nil }

func (releases) CommitDate(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (releases) About(context.Context) (ghapi.About, error) { return ghapi.About{}, nil }

func TestLatestMovesToTheHighestReleaseOnly(t *testing.T) {
	t.Parallel()
	const (
		images = "ghcr.io/org/app\ndocker.io/org/app"
		semver = "type=semver,pattern={{version}}\ntype=semver,pattern={{major}}"
	)
	for _, test := range []struct {
		name, ref, tags, flavor string
		there                   releases
		latest                  bool
		says                    string
	}{
		{"the first release", "v1.2.3", semver, "latest=highest", releases{}, true, "there is no release yet"},
		{"a higher one", "v1.10.0", semver, "latest=highest", releases{"ghcr.io/org/app": "1.9.9 1.9 1 latest sha-abc 2.0.0-rc.1"}, true, "no release is higher"},
		{"an older line", "v1.9.1", semver, "latest=highest", releases{"ghcr.io/org/app": "1.9.0 2.0.1 latest"}, false, "ghcr.io/org/app:2.0.1 is higher than 1.9.1"},
		{"the same again", "v2.0.1", semver, "latest=highest", releases{"ghcr.io/org/app": "2.0.1 2.0 2 latest"}, true, ""},
		{"higher in the other registry", "v1.9.1", semver, "latest=highest", releases{"docker.io/org/app": "2.0.1"}, false, "docker.io/org/app:2.0.1"},
		{"a prerelease", "v3.0.0-rc.1", semver, "latest=highest", releases{}, false, "no release's version"},
		{"a prerelease that a rule takes as it is", "v3.0.0-rc.1", "type=ref,event=tag", "latest=highest", releases{}, false, `"v3.0.0-rc.1" is no release's version`},
		{"a branch", "", "type=ref,event=branch", "latest=highest", releases{}, false, ""},
		{"dates are no releases", "v1.2.3", semver, "latest=highest", releases{"ghcr.io/org/app": "20240309 nightly"}, true, ""},
		{"of the same suffix", "v1.2.3", semver, "latest=highest\nsuffix=-alpine,onlatest=true", releases{"ghcr.io/org/app": "2.0.0 1.2.2-alpine"}, true, ""},
		{"higher with the suffix", "v1.2.3", semver, "latest=highest\nsuffix=-alpine,onlatest=true", releases{"ghcr.io/org/app": "1.2.3 1.2.4-alpine"}, false, "1.2.4-alpine"},
		{"with a v", "v1.2.3", "type=ref,event=tag", "latest=highest", releases{"ghcr.io/org/app": "v1.3.0"}, false, "v1.3.0"},
		{"of Python", "1.2", "type=pep440,pattern={{version}}", "latest=highest", releases{"ghcr.io/org/app": "1.1.5 1.2.0"}, true, ""},
		{"of Python, older", "1.2.1", "type=pep440,pattern={{version}}", "latest=highest", releases{"ghcr.io/org/app": "1.3"}, false, ":1.3 is higher"},
		{"git where the registries have none", "v1.9.1", semver, "latest=highest", releases{"": "v1.9.0 v2.0.1 v3.0.0-rc.1 x"}, false, "git tag v2.0.1 is higher"},
		{"the registries before git", "v1.9.1", semver, "latest=highest", releases{"ghcr.io/org/app": "1.9.0", "": "v2.0.1"}, true, ""},
		{"git before the registries", "v1.9.1", semver, "latest=highest,prefer=git", releases{"ghcr.io/org/app": "1.9.0", "": "v2.0.1"}, false, "git tag v2.0.1"},
		{"git, as the rule reads it", "app-v1.9.1", "type=semver,pattern={{version}},match=app-(.*)", "latest=highest,prefer=git", releases{"": "app-v1.9.0 lib-v2.0.0 v3.0.0"}, true, ""},
		{"git, as the rule reads it, older", "app-v1.9.1", "type=semver,pattern={{version}},match=app-(.*)", "latest=highest,prefer=git", releases{"": "app-v2.0.0"}, false, "git tag app-v2.0.0"},
		{"auto asks nobody", "v1.9.1", semver, "latest=auto", releases{"ghcr.io/org/app": "denied"}, true, ""},
		{"a registry that refuses", "v1.9.1", semver, "latest=highest", releases{"ghcr.io/org/app": "denied"}, false, "flavor: latest=highest: denied"},
	} {
		cfg, err := config(map[string]string{"images": images, "tags": test.tags, "flavor": test.flavor})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		ref := tagRef + test.ref
		if test.ref == "" {
			ref = "refs/heads/main"
		}
		var log bytes.Buffer
		r, err := Run(t.Context(), cfg, Deps{
			Job: job.Job{Repository: "acme/app", EventName: "push", Ref: ref, Commit: commit}, Getenv: noSettings, GitHub: test.there, Registry: test.there,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		said := log.String()
		if err != nil {
			said = err.Error()
		} else {
			said += r.Outcomes[len(r.Outcomes)-1].Why
		}
		if got := strings.Contains(r.TagNames, "latest"); got != test.latest || !strings.Contains(said, test.says) {
			t.Errorf("%s: %q; want latest %v\n%s\nwant %q in it", test.name, r.TagNames, test.latest, said, test.says)
		}
	}
}
