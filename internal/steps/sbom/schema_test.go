package sbom_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas are those of the specifications, as modules that are required anyhow
// hold them.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go", "github.com/anchore/syft").Output()
	if err != nil {
		return nil, err
	}
	dirs := strings.Fields(string(out))
	cyclonedx, spdx := filepath.Join(dirs[0], "schema"), filepath.Join(dirs[1], "schema", "spdx-json")
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const site = "http://cyclonedx.org/schema/"
	for url, path := range map[string]string{
		site + "bom-1.6.schema.json":      filepath.Join(cyclonedx, "bom-1.6.schema.json"),
		site + "spdx.schema.json":         filepath.Join(cyclonedx, "spdx.schema.json"),
		site + "jsf-0.82.schema.json":     filepath.Join(cyclonedx, "jsf-0.82.schemax.json"),
		"http://spdx.org/spdx-2.3.schema": filepath.Join(spdx, "spdx-schema-2.3.json"),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := compiler.AddResource(url, schema); err != nil {
			return nil, err
		}
	}
	compiled := map[string]*jsonschema.Schema{}
	for suffix, url := range map[string]string{".cdx.json": site + "bom-1.6.schema.json", ".spdx.json": "http://spdx.org/spdx-2.3.schema"} {
		if compiled[suffix], err = compiler.Compile(url); err != nil {
			return nil, err
		}
	}
	return compiled, nil
})

// checkSchema holds a document against the specification's schema.
func checkSchema(t *testing.T, path string) {
	t.Helper()
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	_, suffix, _ := strings.Cut(filepath.Base(path), ".")
	if err := all["."+suffix].Validate(document); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

func TestDocumentsPassTheSchemas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	d, _ := deps(t)
	for _, path := range run(t, d, w.push(t, "acme/app", all)).Files {
		checkSchema(t, path)
	}
}

func TestTheSchemasRefuse(t *testing.T) {
	t.Parallel()
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	for suffix, schema := range all {
		if err := schema.Validate(map[string]any{"spdxVersion": "SPDX-2.3"}); err == nil {
			t.Errorf("a document without content passes %s", suffix)
		}
	}
}
