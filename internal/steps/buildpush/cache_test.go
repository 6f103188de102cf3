package buildpush

import (
	"bytes"
	"encoding/csv"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/image"
)

// githubCache is what a runner of GitHub gives.
var githubCache = []string{"ACTIONS_RUNTIME_TOKEN=planted-runtime-token", "ACTIONS_RESULTS_URL=https://results.example/", "ACTIONS_CACHE_SERVICE_V2=True"}

func TestCachesFitTheRun(t *testing.T) {
	t.Parallel()
	const scope = "scope=acme/app:linux/amd64+linux/arm64"
	for _, test := range []struct {
		name             string
		from, to         Lines
		access           []string
		push             *bool
		wantFrom, wantTo Lines
		says             string
	}{
		{
			name: "GitHub's cache", from: Lines{"type=gha"}, to: Lines{"type=gha,mode=max"}, access: githubCache,
			wantFrom: Lines{"type=gha," + scope + ",timeout=1m30s"}, wantTo: Lines{"type=gha,mode=max," + scope + ",timeout=1m30s,ignore-error=true"},
		},
		{
			name: "what is given stays", from: Lines{"type=gha,Scope=mine,timeout=1s"}, to: Lines{"scope=mine,ignore-error=false,type=gha,timeout=1s"}, access: githubCache,
			wantFrom: Lines{"type=gha,Scope=mine,timeout=1s"}, wantTo: Lines{"scope=mine,ignore-error=false,type=gha,timeout=1s"},
		},
		{
			name: "quotes", from: Lines{`type=gha,"scope=a,b"`}, to: Lines{`"type=gha",mode=max`}, access: githubCache,
			wantFrom: Lines{`type=gha,"scope=a,b",timeout=1m30s`}, wantTo: Lines{"type=gha,mode=max," + scope + ",timeout=1m30s,ignore-error=true"},
		},
		{
			name: "no runner", from: Lines{"type=gha", "type=local,src=cache"}, to: Lines{"type=gha,mode=max"},
			wantFrom: Lines{"type=local,src=cache"}, says: "building without the cache of type=gha: ACTIONS_RUNTIME_TOKEN is not set",
		},
		{
			name: "a runner without a cache service", from: Lines{"type=gha"}, to: Lines{"type=gha"}, access: githubCache[:1],
			says: "building without the cache of type=gha: ACTIONS_RESULTS_URL is not set",
		},
		{
			name: "a cache service of one's own", from: Lines{"type=gha,url=https://cache.example/,token=x"},
			wantFrom: Lines{"type=gha,url=https://cache.example/,token=x," + scope + ",timeout=1m30s"},
		},
		{
			name: "others", from: Lines{"ghcr.io/acme/app:cache", "type=s3,region=x"}, to: Lines{"type=registry,ref=ghcr.io/acme/app:cache", "type=inline", "type=local,dest=cache"},
			wantFrom: Lines{"ghcr.io/acme/app:cache", "type=s3,region=x"}, wantTo: Lines{"type=registry,ref=ghcr.io/acme/app:cache", "type=inline", "type=local,dest=cache"},
		},
		{
			name: "nothing is pushed", from: Lines{"type=registry,ref=ghcr.io/acme/app:cache"}, to: Lines{"type=registry,ref=ghcr.io/acme/app:cache", "ghcr.io/acme/app:cache", "type=local,dest=cache"}, push: &no,
			wantFrom: Lines{"type=registry,ref=ghcr.io/acme/app:cache"}, wantTo: Lines{"type=local,dest=cache"},
			says: "a cache in a registry is not written, since this run pushes nothing",
		},
		{
			name: "GitHub's cache where nothing is pushed", to: Lines{"type=gha"}, access: githubCache, push: &no,
			wantTo: Lines{"type=gha," + scope + ",timeout=1m30s,ignore-error=true"},
		},
		{
			name: "what buildx refuses", from: Lines{`type="gha`, "mode=max"}, access: githubCache,
			wantFrom: Lines{`type="gha`, "mode=max"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			cfg := Config{
				Destination: Destination{Images: repositories(t, "ghcr.io/acme/app"), Push: test.push},
				Platforms:   platforms(t, "linux/arm64", "linux/amd64"),
				Build:       Build{CacheFrom: test.from, CacheTo: test.to},
				RetryFor:    90 * time.Second,
			}
			b, env := cfg.withCaches(Deps{Env: []string{"PATH=/bin"}, CacheAccess: test.access, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if !slices.Equal(b.CacheFrom, test.wantFrom) || !slices.Equal(b.CacheTo, test.wantTo) {
				t.Errorf("from %q to %q,\nwant %q to %q", b.CacheFrom, b.CacheTo, test.wantFrom, test.wantTo)
			}
			if !slices.Equal(cfg.Build.CacheFrom, test.from) || !slices.Equal(cfg.Build.CacheTo, test.to) {
				t.Error("the inputs have changed")
			}
			if told := log.String(); !strings.Contains(told, test.says) || test.says == "" && told != "" || strings.Contains(told, "planted") {
				t.Errorf("the log is %q, want %q", told, test.says)
			}
			uses := strings.Contains(strings.Join(slices.Concat(b.CacheFrom, b.CacheTo), "\n"), "type=gha,") || strings.Contains(strings.Join(b.CacheTo, ""), "type=gha")
			if given := len(env) > 1; given != (uses && test.access != nil) {
				t.Errorf("environment %q", env)
			}
		})
	}
}

// TestOnlyBuildxMayUseTheCache shows that the variables for the newer service
// arrive, and only where a cache of that type is asked for.
func TestOnlyBuildxMayUseTheCache(t *testing.T) {
	t.Parallel()
	for cache, want := range map[string]bool{"type=gha,mode=max": true, "type=registry,ref=ghcr.io/acme/app:cache": false} {
		w := newWorld(t, "push")
		w.cfg.Build.CacheTo = Lines{cache}
		w.deps.CacheAccess = githubCache
		if _, err := Run(t.Context(), w.cfg, w.deps); err != nil {
			t.Fatal(err)
		}
		c := w.call(t)
		for _, variable := range githubCache {
			if slices.Contains(c.Env, variable) != want {
				t.Errorf("with %s: %s given %v", cache, variable, !want)
			}
		}
		if strings.Contains(strings.Join(c.Args, "\n"), "planted") {
			t.Errorf("the token is in the arguments %q", c.Args)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 40)
	seen := map[string]string{}
	for _, test := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"image", Config{Destination: Destination{Images: repositories(t, "ghcr.io/acme/app", "docker.io/other/app")}}, "acme/app"},
		{"another image", Config{Destination: Destination{Images: repositories(t, "ghcr.io/acme/tool")}}, "acme/tool"},
		{"tags", Config{Destination: Destination{Tags: []image.Ref{ref(t, "acme/tagged:1.2")}}}, "acme/tagged"},
		{"target", Config{Destination: Destination{Images: repositories(t, "acme/app")}, Build: Build{Target: "runtime"}}, "acme/app:runtime"},
		{"file", Config{Destination: Destination{Images: repositories(t, "acme/app")}, Build: Build{File: "build/app.Dockerfile"}}, "acme/app:build/app.Dockerfile"},
		{"platform", Config{Destination: Destination{Images: repositories(t, "acme/app")}, Platforms: platforms(t, "linux/arm/v7")}, "acme/app:linux/arm/v7"},
		{"platforms", Config{Destination: Destination{Images: repositories(t, "acme/app")}, Platforms: platforms(t, "linux/arm64", "linux/amd64")}, "acme/app:linux/amd64+linux/arm64"},
		{"nothing", Config{}, "build"},
		{"a character that keys don't hold", Config{Build: Build{File: "a,b"}}, "a-b-1eb7c54d52831bbf"},
		{"another one", Config{Build: Build{File: "a b"}}, "a-b-c8687a08aa5d6ed2"},
		{"long", Config{Build: Build{Target: long}}, ""},
		{"long, and another", Config{Build: Build{Target: long + "er"}}, ""},
	} {
		got := test.cfg.scope()
		if test.want != "" && got != test.want {
			t.Errorf("%s: scope %q, want %q", test.name, got, test.want)
		}
		if len(got) > maxScope || notInScope.MatchString(got) {
			t.Errorf("%s: scope %q of %d bytes", test.name, got, len(got))
		}
		if other, taken := seen[got]; taken {
			t.Errorf("%s has the scope of %s: %q", test.name, other, got)
		}
		seen[got] = test.name
	}
}

func ref(t *testing.T, text string) image.Ref {
	t.Helper()
	r, err := image.ParseRef(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzCacheEntry sees to it that nothing of what a user writes is lost.
func FuzzCacheEntry(f *testing.F) {
	for _, seed := range []string{"type=gha", `type=gha,"scope=a,b"`, `"type=gha`, "acme/app", ",", "type=gha\ntype=gha", "type=gha,scope=\"\"", "TYPE=gha, mode=max"} {
		f.Add(seed)
	}
	cfg := Config{Build: Build{Target: "runtime"}, RetryFor: time.Minute}
	f.Fuzz(func(t *testing.T, entry string) {
		records, err := csv.NewReader(strings.NewReader(entry)).ReadAll()
		fitted := cfg.fitGitHub(entry, true)
		if err != nil || len(records) != 1 {
			if fitted != entry {
				t.Errorf("%q became %q", entry, fitted)
			}
			return
		}
		before := records[0]
		after, err := csv.NewReader(strings.NewReader(fitted)).Read()
		if err != nil || len(after) < len(before) || !slices.Equal(after[:len(before)], before) {
			t.Errorf("%q became %q, %v", entry, fitted, err)
		}
	})
}
