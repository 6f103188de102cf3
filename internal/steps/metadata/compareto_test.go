package metadata

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/job"
)

func TestAnEarlierReleaseIsFound(t *testing.T) {
	t.Parallel()
	const (
		images = "ghcr.io/org/app\ndocker.io/org/app"
		semver = "type=semver,pattern={{version}}\ntype=semver,pattern={{major}}"
	)
	for _, test := range []struct {
		name, ref, tags, flavor, given string
		there                          releases
		want, says                     string
	}{
		{"the one before", "v1.10.0", semver, "", "auto", releases{"ghcr.io/org/app": "1.9.9 1.10 1.9 1 latest sha-abc 1.10.0-rc.1"}, "ghcr.io/org/app:1.9.9", "1.10.0 is compared with"},
		{"the same again", "v1.2.3", semver, "", "auto", releases{"ghcr.io/org/app": "1.2.2 1.2.3 1.2 1"}, "ghcr.io/org/app:1.2.2", ""},
		{"an older line", "v1.9.1", semver, "", "auto", releases{"ghcr.io/org/app": "1.9.0 2.0.1 1.9.2"}, "ghcr.io/org/app:1.9.0", ""},
		{"a prerelease", "v2.0.0-rc.2", semver, "", "auto", releases{"ghcr.io/org/app": "1.9.0 2.0.0-rc.1"}, "ghcr.io/org/app:1.9.0", ""},
		{"of the same suffix", "v1.2.3", semver, "suffix=-alpine", "auto", releases{"ghcr.io/org/app": "1.2.2 1.2.1-alpine"}, "ghcr.io/org/app:1.2.1-alpine", ""},
		{"with a v", "v1.2.3", "type=ref,event=tag", "", "auto", releases{"ghcr.io/org/app": "v1.2.2 v1.2"}, "ghcr.io/org/app:v1.2.2", ""},
		{"of the first image", "v1.2.3", semver, "", "auto", releases{"docker.io/org/app": "1.2.2"}, "", ""},
		{"the first release", "v1.2.3", semver, "", "auto", releases{}, "", ""},
		{"a branch", "", "type=ref,event=branch", "", "auto", releases{"ghcr.io/org/app": "1.2.2"}, "", ""},
		{"a registry that refuses", "v1.2.3", semver, "", "auto", releases{"ghcr.io/org/app": "denied"}, "", "denied"},
		{"one that is given", "v1.2.3", semver, "", "1.0.0", releases{"ghcr.io/org/app": "denied"}, "1.0.0", ""},
		{"none", "v1.2.3", semver, "", " ", releases{"ghcr.io/org/app": "1.2.2"}, "", ""},
	} {
		cfg, err := config(map[string]string{"images": images, "tags": test.tags, "flavor": test.flavor})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		cfg.CompareTo = test.given
		ref := tagRef + test.ref
		if test.ref == "" {
			ref = "refs/heads/main"
		}
		if cfg.AsksRegistries() != (test.given == auto) {
			t.Errorf("%s: asks registries: %v", test.name, cfg.AsksRegistries())
		}
		var log bytes.Buffer
		r, err := Run(t.Context(), cfg, Deps{
			Job: job.Job{Repository: "acme/app", EventName: "push", Ref: ref, Commit: commit}, Getenv: noSettings, GitHub: test.there, Registry: test.there,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil || r.CompareTo != test.want || !strings.Contains(log.String(), test.says) {
			t.Errorf("%s: %q, %v, want %q\n%s\nwant %q in it", test.name, r.CompareTo, err, test.want, &log, test.says)
		}
	}
}
