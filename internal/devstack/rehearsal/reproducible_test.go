//go:build e2e

package rehearsal_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestTwoCleanBuildsAreEqual builds a commit of examples/hello on two builders
// that never built anything.
func TestTwoCleanBuildsAreEqual(t *testing.T) {
	s := stage(t, nil)
	var nodes []string
	for _, name := range []string{"clean-one", "clean-two"} {
		endpoint, err := world.StartNode(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, endpoint)
	}
	// build returns the index's digest, and the digest of each platform's image.
	build := func(endpoint, repository, provenance string) (string, map[string]string) {
		b, err := buildIn(t, s.Repo, map[string]string{
			"images": repository, "platforms": strings.Join(platforms, ","), "provenance": provenance, "rewrite-timestamp": "true",
			"driver": "remote", "endpoint": endpoint,
		}, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, b.log)
		}
		text, err := judges().Run(t.Context(), "crane", "manifest", repository+"@"+b.outputs["digest"])
		if err != nil {
			t.Fatal(err)
		}
		var index v1.IndexManifest
		if err := json.Unmarshal([]byte(text), &index); err != nil {
			t.Fatal(err)
		}
		images := map[string]string{}
		for _, m := range index.Manifests {
			if m.Platform.OS != "unknown" {
				images[m.Platform.String()] = m.Digest.String()
			}
		}
		return b.outputs["digest"], images
	}
	for _, test := range []struct {
		name, provenance string
		equal            bool // the index too
	}{
		{"with provenance, which records times", "", false},
		{"without", "false", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			repository := "ghcr.io/acme/reproducible"
			one, first := build(nodes[0], repository, test.provenance)
			two, second := build(nodes[1], repository, test.provenance)
			if len(first) != len(platforms) || !maps.Equal(first, second) {
				t.Errorf("the images are\n%v\nand\n%v", first, second)
			}
			if (one == two) != test.equal {
				t.Errorf("the indexes are %s and %s, want equal: %v", one, two, test.equal)
			}
		})
	}
}
