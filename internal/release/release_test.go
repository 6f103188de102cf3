package release_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/release"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, want   string
		prerelease bool
	}{
		{"v1.2.3", "1.2.3", false},
		{"1.2.3", "1.2.3", false},
		{"v1.3.0-rc.1", "1.3.0-rc.1", true},
		{"1.3.0-rc.1+build.5", "1.3.0-rc.1+build.5", true},
		{"10.20.30+x", "10.20.30+x", false},
	}
	for _, test := range tests {
		v, err := release.ParseVersion(test.in)
		if err != nil {
			t.Errorf("ParseVersion(%q): %v", test.in, err)
			continue
		}
		if v.String() != test.want || v.IsPrerelease() != test.prerelease || v.Source() != test.in {
			t.Errorf("ParseVersion(%q) = %q, prerelease %v, source %q", test.in, v, v.IsPrerelease(), v.Source())
		}
	}
	for _, in := range []string{"", "v1", "1.2", "main", "1.2.3.4", "01.2.3", "1.2.3-01", "1.2.3-", "x1.2.3"} {
		if v, err := release.ParseVersion(in); err == nil {
			t.Errorf("ParseVersion(%q) = %q, want an error", in, v)
		}
	}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]bool{
		"1.2.3": true, "v1.2.3": true, "1.2.3-rc.1": true, "app-1.2.3": true, "1.2.3-alpine": true, "app-v1.2.3": true,
		"1.2": false, "1": false, "latest": false, "main": false, "sha-1234567": false, "1.2-alpine3": false, "pr-5": false,
	} {
		if got := release.Fixed(tag); got != want {
			t.Errorf("Fixed(%q) = %v, want %v", tag, got, want)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"v1.2.3", "1.2.3-rc.1+b", "1.2", "-", "v"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := release.ParseVersion(s)
		if err != nil {
			return
		}
		again, err := release.ParseVersion(v.String())
		if err != nil || again.String() != v.String() {
			t.Errorf("ParseVersion(%q) = %q does not parse back: %q, %v", s, v, again, err)
		}
		if !release.Fixed(v.String()) {
			t.Errorf("Fixed(%q) is false", v)
		}
	})
}

func TestWhichTagsAreKept(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ version, tags, kept string }{
		{"1.2.3", "1.2.3 1.2 1 latest", "1.2.3"},
		{"", "v1.2.3-rc.1 app-1.2.3 edge", "v1.2.3-rc.1 app-1.2.3"},
		{"2026.11", "2026.11 latest", "2026.11"},
		{"2026.11", "latest", ""},
		{"1.2", "1.2 1.2.3", "1.2.3"}, // a rule for 1.2 came first
		{"main", "main sha-0123456", ""},
		{"20261124", "20261124", ""},
	} {
		kept := release.Kept(strings.Fields(test.tags), test.version)
		got := slices.DeleteFunc(strings.Fields(test.tags), func(tag string) bool { return !kept[tag] })
		if strings.Join(got, " ") != test.kept || len(got) != len(kept) {
			t.Errorf("version %q, tags %q: %v are kept, want %q", test.version, test.tags, kept, test.kept)
		}
	}
}
