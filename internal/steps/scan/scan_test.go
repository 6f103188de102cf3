package scan

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/trivy"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

var three = []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}

func severity(s trivy.Severity) *trivy.Severity { return &s }

func TestEveryPlatformIsScanned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{})
	result, err := w.run(w.config(w.push("1", three...)))
	if err != nil {
		t.Fatal(err)
	}
	if result.Gate != gateOff || result.Critical != 1 || result.High != 4 || result.Medium != 5 || result.Low != 2 || result.Unknown != 0 {
		t.Errorf("result %+v", result)
	}
	counts, err := result.Findings.MarshalText()
	one := `{"CRITICAL":2,"HIGH":4,"LOW":2,"MEDIUM":5}`
	if want := `{"linux/amd64":` + one + `,"linux/arm/v7":` + one + `,"linux/arm64":` + one + `}`; err != nil || string(counts) != want {
		t.Errorf("findings %s, want %s; %v", counts, want, err)
	}
	for i, files := range [][]string{result.Reports, result.SARIF, result.Predicates} {
		suffix := []string{".json", ".sarif", ".vuln.json"}[i]
		var names []string
		for _, path := range files {
			names = append(names, strings.TrimSuffix(filepath.Base(path), suffix))
		}
		if !slices.Equal(names, []string{"scan-linux-amd64", "scan-linux-arm64", "scan-linux-arm-v7"}) {
			t.Errorf("files %q", files)
		}
	}
	for _, path := range result.SARIF {
		validate(t, path)
	}
	predicate, err := os.ReadFile(result.Predicates[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"uri": "https://github.com/acme/hello/actions/runs/7"`, `"lastUpdate": "2026-11-25T12:00:00Z"`, `"scanFinishedOn": "2026-11-25T12:00:00Z"`,
		`"version": "0.69.3"`, `"ArtifactName": "ghcr.io/acme/app@sha256:aaaa`,
	} {
		if !strings.Contains(string(predicate), want) {
			t.Errorf("%s lacks %s", predicate, want)
		}
	}
	if !result.uploaded {
		t.Errorf("code scanning has nothing:\n%s", w.log)
	}
	var scanned []string
	for _, c := range trivytest.Calls(t, w.trivy) {
		if n := slices.Index(c.Args, "--platform"); n >= 0 {
			scanned = append(scanned, c.Args[n+1])
		}
	}
	slices.Sort(scanned)
	if !slices.Equal(scanned, []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}) {
		t.Errorf("scanned %q", scanned)
	}
}

// validate holds a file against the schema of SARIF 2.1.0.
func validate(t *testing.T, path string) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	read := func(path string) any {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	if err := compiler.AddResource("sarif.json", read("testdata/sarif-schema-2.1.0.json")); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(read(path)); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

func TestOneFileForAllPlatforms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{})
	cfg := w.config(w.push("1", three...))
	cfg.Merge, cfg.Category, cfg.Upload = true, "nightly", uploadRequired
	result, err := w.run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.SARIF) != 1 || filepath.Base(result.SARIF[0]) != "scan.sarif" {
		t.Fatalf("files %q", result.SARIF)
	}
	validate(t, result.SARIF[0])
	text, err := os.ReadFile(result.SARIF[0])
	if err != nil {
		t.Fatal(err)
	}
	var file document
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var categories []string
	for _, r := range file.Runs {
		categories = append(categories, r.Automation.ID)
	}
	if !slices.Equal(categories, []string{"nightly/linux-amd64/", "nightly/linux-arm64/", "nightly/linux-arm-v7/"}) {
		t.Errorf("categories %q", categories)
	}
}

// document of the sbom step, or enough of it to be one.
func writeSBOM(t *testing.T, repository string, digest image.Digest, platform string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sbom.cdx.json")
	properties := ""
	if platform != "" {
		properties = `,"properties":[{"name":"release-actions:platform","value":"` + platform + `"}]`
	}
	text := `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container","name":"` + repository + `",
		"purl":"pkg:oci/app@sha256%3A` + digest.Hex() + `"` + properties + `}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDocumentsAreScannedInTheImagesPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{})
	index := w.push("1", "linux/amd64")
	all, err := w.deps.Registry.Platforms(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	digest := all[0].Digest
	w.layers = 0
	sboms := []string{writeSBOM(t, "acme/app", index.Digest, ""), writeSBOM(t, w.host+"/acme/app", digest, "linux/amd64")}
	cfg := w.config(index)
	cfg.Source, cfg.SBOMs = sourceSBOM, sboms
	withImage, err := w.run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// An image that isn't pushed has no earlier tags.
	cfg.Images, cfg.OutputDir, cfg.CompareTo = nil, t.TempDir(), "1"
	alone, err := w.run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if withImage.Critical != 1 || alone.Critical != 1 || w.layers != 0 {
		t.Errorf("%d and %d critical findings, want 1; %d layers were fetched", withImage.Critical, alone.Critical, w.layers)
	}
	for _, c := range trivytest.Calls(t, w.trivy) {
		if c.Args[0] == "sbom" && c.Args[slices.Index(c.Args, "--cache-dir")-1] != w.host+"/acme/app@"+string(digest) {
			t.Errorf("scanned as %q", c.Args)
		}
	}
	// A document of another image is none of this one's.
	cfg.Images, cfg.SBOMs = []image.Pinned{index}, []string{writeSBOM(t, "acme/app", index.Digest, "linux/amd64")}
	if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), "no CycloneDX document") || len(hint.Of(err)) != 1 {
		t.Errorf("error %v with %q", err, hint.Of(err))
	}
	cfg.Images, cfg.SBOMs = nil, []string{filepath.Join(t.TempDir(), "absent"), w.trivy}
	if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), "absent") || !strings.Contains(err.Error(), "not a JSON document") {
		t.Errorf("error %v", err)
	}
	cfg.SBOMs = sboms[:1]
	if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), "of one platform") {
		t.Errorf("error %v", err)
	}
}

func TestComparisonWithAnEarlierRelease(t *testing.T) {
	t.Parallel()
	now := `{"SchemaVersion":2,"Results":[{"Packages":[{}],"Vulnerabilities":[
		{"VulnerabilityID":"CVE-1","PkgName":"a","InstalledVersion":"2","Severity":"HIGH"},{"VulnerabilityID":"CVE-3","PkgName":"c","Severity":"LOW"}]}]}`
	then := `{"SchemaVersion":2,"Results":[{"Packages":[{}],"Vulnerabilities":[
		{"VulnerabilityID":"CVE-1","PkgName":"a","InstalledVersion":"1","Severity":"HIGH"},{"VulnerabilityID":"CVE-2","PkgName":"b","Severity":"LOW"}]}]}`
	plan := trivytest.Plan{Report: now, Reports: map[string]string{}}
	w := newWorld(t, plan)
	before := w.push("1", "linux/amd64", "linux/s390x")
	all, err := w.deps.Registry.Platforms(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		plan.Reports[before.Repository.Pin(m.Digest).String()] = then
	}
	w.trivy = trivytest.Install(t, trivytest.Plan{
		Report: now, Reports: plan.Reports, Updated: w.deps.Now(),
	})
	current := w.push("2", "linux/amd64")
	for _, with := range []string{"1", string(before.Digest), w.host + "/acme/app:1"} {
		cfg := w.config(current)
		cfg.CompareTo, cfg.Upload = with, uploadNever
		result, err := w.run(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if result.New != 1 || result.Gone != 1 || result.compared.added[0].ID != "CVE-3" || result.compared.gone[0].ID != "CVE-2" {
			t.Errorf("%s: %+v", with, result.compared)
		}
		if s := result.Summary(); !strings.Contains(s, "1 new, 1 gone") || !strings.Contains(s, "CVE-2") {
			t.Errorf("summary:\n%s", s)
		}
	}
	cfg := w.config(current)
	cfg.CompareTo = "0"
	if result, err := w.run(cfg); err != nil || result.compared != nil || !strings.Contains(w.log.String(), "no earlier release") {
		t.Errorf("%v, %v\n%s", result.compared, err, w.log)
	}
}

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{})
	pinned := w.push("1", "linux/amd64")
	for name, test := range map[string]struct {
		change     func(*Config)
		want, mend string
	}{
		"nothing to scan": {func(c *Config) { c.Images = nil }, `neither input "images" nor "sboms"`, "output"},
		"no documents":    {func(c *Config) { c.Source = sourceSBOM }, `"source" is sbom`, "files"},
		"gate is blind":   {func(c *Config) { c.FailOn, c.Select.Severities = severity(trivy.High), []trivy.Severity{trivy.High} }, `leaves out CRITICAL`, "add CRITICAL"},
		"bad scanner":     {func(c *Config) { c.Select.Scanners = []string{"virus"} }, `"virus"`, "vuln, secret"},
		"bad tag":         {func(c *Config) { c.CompareTo = "-1" }, `input "compare-to"`, ""},
	} {
		cfg := w.config(pinned)
		test.change(&cfg)
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend) {
			t.Errorf("%s: error %v with %q", name, err, hint.Of(err))
		}
	}
	var s Source
	var u Upload
	for _, err := range []error{s.UnmarshalText([]byte("disk")), u.UnmarshalText([]byte("maybe"))} {
		if err == nil || len(hint.Of(err)) != 1 {
			t.Errorf("error %v with %q", err, hint.Of(err))
		}
	}
}
