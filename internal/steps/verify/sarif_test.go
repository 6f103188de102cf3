package verify_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/org/release-actions/internal/intoto"
)

// The schema is OASIS's own, as gosec holds it:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json
func TestSARIFPassesItsSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, leaveOut := range map[string][]string{"verified.sarif": nil, "refused.sarif": {intoto.CycloneDX, intoto.CosignSign}} {
		w := release(t, leaveOut...)
		c := config(w)
		c.Output = "sarif"
		result, err := run(t, w, c)
		if (err == nil) != (leaveOut == nil) {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := result.Print(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, w, name, out.String())
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var read struct {
			Runs []struct {
				Results []struct {
					Level     string
					Locations []struct {
						PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
					}
				}
			}
		}
		if err := json.Unmarshal(out.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		// Two claims about four digests in two registries.
		if want := 2 * 4 * len(leaveOut); len(read.Runs) != 1 || len(read.Runs[0].Results) != want {
			t.Fatalf("%s has not %d results:\n%s", name, want, &out)
		}
		for _, r := range read.Runs[0].Results {
			if r.Level != "error" || r.Locations[0].PhysicalLocation.ArtifactLocation.URI != "acme/app" {
				t.Errorf("%+v", r)
			}
		}
	}
}
