package publish

import (
	"slices"
	"testing"

	"github.com/org/release-actions/internal/release"
)

func TestTagsMoveForwardOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version string
		tags    []string
		want    []string
	}{
		{"v1.0.0", []string{"v1.0.0"}, []string{"v1.0", "v1"}},
		{"v1.2.3", []string{"v1.2.2", "v1", "v1.2", "v0.9.0", "v1.2.3"}, []string{"v1.2", "v1"}},
		{"v1.2.3", []string{"v1.3.0", "v2.0.0"}, []string{"v1.2"}},
		{"v1.2.3", []string{"v1.2.10"}, nil},
		{"v1.2.3", []string{"v1.2.4-rc.1", "v2.0.0", "nightly"}, []string{"v1.2", "v1"}},
		{"v1.3.0-rc.1", []string{"v1.2.3"}, nil},
		{"v0.2.0", []string{"v0.1.0"}, []string{"v0.2", "v0"}},
	} {
		version, err := release.ParseVersion(test.version)
		if err != nil {
			t.Fatal(err)
		}
		if got := moving(version, test.tags); !slices.Equal(got, test.want) {
			t.Errorf("%s beside %v moves %v, want %v", test.version, test.tags, got, test.want)
		}
	}
}

func TestVersionsThatAreNoTag(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{"v1.2.3": true, "v1.3.0-rc.1": true, "1.2.3": false, "v1.2.3+build": false} {
		version, err := release.ParseVersion(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := (Config{Version: version}).Validate(); (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}
}
