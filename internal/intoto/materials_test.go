package intoto_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/intoto"
)

// What BuildKit writes, less what isn't read.
const (
	buildkit1 = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"_","digest":{"sha256":"ab"}}],
 "predicate":{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
  "resolvedDependencies":[{"uri":"pkg:docker/alpine@3.22?platform=linux%2Farm64","digest":{"sha256":"0123"}},{"uri":"https://example.com/file"}]}}}`
	buildkit02 = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[{"name":"_","digest":{"sha256":"ab"}}],
 "predicate":{"builder":{"id":""},"materials":[{"uri":"pkg:docker/alpine@3.22?platform=linux%2Farm64","digest":{"sha256":"0123"}},{"uri":"https://example.com/file"}]}}`
)

func TestMaterialsOfBothVersions(t *testing.T) {
	t.Parallel()
	want := []intoto.Resource{{URI: "pkg:docker/alpine@3.22?platform=linux%2Farm64", Digest: map[string]string{"sha256": "0123"}}}
	for _, statement := range []string{buildkit1, buildkit02} {
		if got, err := intoto.Materials([]byte(statement)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if got, err := intoto.Materials([]byte(`{"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`)); err != nil || len(got) != 0 {
		t.Errorf("of none: %v, %v", got, err)
	}
}

func TestMaterialsThatCannotBeToldAreAnError(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string][2]string{
		"another version":     {`provenance/v1"`, `provenance/v2"`},
		"no predicate type":   {`"predicateType"`, `"kind"`},
		"a name twice":        {`"resolvedDependencies":`, `"resolvedDependencies":[],"resolvedDependencies":`},
		"one of text":         {`{"uri":"https://example.com/file"}`, `"https://example.com/file"`},
		"a digest of text":    {`{"sha256":"0123"}`, `"0123"`},
		"a list of an object": {`"resolvedDependencies":[`, `"resolvedDependencies":{},"more":[`},
		"nothing":             {buildkit1, ``},
	} {
		text := strings.Replace(buildkit1, edit[0], edit[1], 1)
		if text == buildkit1 {
			t.Fatalf("%s: the edit changes nothing", name)
		}
		if got, err := intoto.Materials([]byte(text)); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}

func FuzzMaterials(f *testing.F) {
	f.Add([]byte(buildkit1))
	f.Add([]byte(buildkit02))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := intoto.Materials(data)
		for _, r := range found {
			if err != nil || len(r.Digest) == 0 {
				t.Errorf("%s: %+v, %v", data, r, err)
			}
		}
	})
}
