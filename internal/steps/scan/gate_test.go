package scan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/trivy"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

// vulnerable is a report with one finding.
func vulnerable(severity, fixed string) string {
	return `{"SchemaVersion":2,"Results":[{"Packages":[{}],"Vulnerabilities":[
		{"VulnerabilityID":"CVE-2026-1","PkgName":"libx","InstalledVersion":"1.0","FixedVersion":"` + fixed + `","Severity":"` + severity + `"}]}]}`
}

func TestGate(t *testing.T) {
	t.Parallel()
	const unknown = `{"SchemaVersion":2,"Metadata":{}}`
	for name, test := range map[string]struct {
		report     string
		change     func(*Config)
		gate       string
		want, mend string
	}{
		"no gate":           {vulnerable("CRITICAL", "2"), func(c *Config) { c.FailOn = nil }, gateOff, "", ""},
		"milder":            {vulnerable("MEDIUM", "2"), nil, gatePassed, "", ""},
		"as bad":            {vulnerable("HIGH", "2"), nil, gateRefused, "1 findings of severity HIGH or worse: CVE-2026-1 in libx 1.0, fixed in 2", "CVE-2026-1 exp:"},
		"worse":             {vulnerable("CRITICAL", ""), nil, gateRefused, "CVE-2026-1 in libx 1.0", "only-fixed"},
		"without a fix":     {vulnerable("CRITICAL", ""), func(c *Config) { c.OnlyFixed = true }, gatePassed, "", ""},
		"with one":          {vulnerable("CRITICAL", "2"), func(c *Config) { c.OnlyFixed = true }, gateRefused, "fixed in 2", ""},
		"secrets need none": {`{"SchemaVersion":2,"Results":[{"Target":"key","Secrets":[{"RuleID":"aws","Severity":"CRITICAL"}]}]}`, func(c *Config) { c.OnlyFixed = true }, gateRefused, "aws", ""},
		"nothing known":     {unknown, nil, gateUndecided, "linux/amd64 has no operating system and no packages", "fail-on"},
		"nothing to judge":  {unknown, func(c *Config) { c.FailOn = nil }, gateOff, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, trivytest.Plan{Report: test.report})
			cfg := w.config(w.push("1", "linux/amd64"))
			cfg.FailOn, cfg.Upload = severity(trivy.High), uploadNever
			if test.change != nil {
				test.change(&cfg)
			}
			result, err := w.run(cfg)
			if result.Gate != test.gate || (err == nil) != (test.want == "") {
				t.Fatalf("gate %q, error %v; want %q", result.Gate, err, test.gate)
			}
			if err != nil && (!strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend)) {
				t.Errorf("error %v with %q", err, hint.Of(err))
			}
			// What a refusal is about can be looked at.
			for _, path := range []string{result.Reports[0], result.SARIF[0], result.Predicates[0]} {
				if !isFile(path) {
					t.Errorf("%q isn't there", path)
				}
			}
			if test.report == unknown && !strings.Contains(w.log.String(), "says nothing") {
				t.Errorf("log:\n%s", w.log)
			}
		})
	}
}

func TestSystemWithoutAdvisories(t *testing.T) {
	t.Parallel()
	targets := []target{{report: trivy.Report{OS: &trivy.OS{Family: "fedora", Name: "44", Unsupported: true}, Packages: 3}}}
	cfg := Config{FailOn: severity(trivy.High)}
	if err := judgeable(cfg, targets); err == nil || !strings.Contains(err.Error(), "fedora 44") || !strings.Contains(hint.Of(err)[0], "vuln-type: library") {
		t.Errorf("error %v", err)
	}
	cfg.Select.Types = []string{"library"}
	if err := judgeable(cfg, targets); err != nil {
		t.Error(err)
	}
}

func TestManyFindingsAreNamedInPart(t *testing.T) {
	t.Parallel()
	var r Result
	for range 7 {
		r.findings = append(r.findings, Finding{Finding: trivy.Finding{Kind: trivy.Vulnerability, ID: "CVE-1", Severity: trivy.Critical}})
	}
	err := r.decide(Config{FailOn: severity(trivy.Critical)}, nil, &ignores{})
	if err == nil || strings.Count(err.Error(), "CVE-1") != named || !strings.Contains(err.Error(), "; and 2 more") {
		t.Errorf("error %v", err)
	}
}

func TestFailedScanIsNoPass(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]trivytest.Plan{
		"no database": {Fail: map[string]string{"--download-db-only": "DENIED"}},
		"no scan":     {Fail: map[string]string{"--output": "boom"}},
		"killed":      {Crash: "--output"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, plan)
			cfg := w.config(w.push("1", "linux/amd64"))
			cfg.RetryFor = 1
			if result, err := w.run(cfg); err == nil || result.Gate != "" || result.uploaded {
				t.Errorf("gate %q, %v", result.Gate, err)
			}
		})
	}
}

func TestRulesToIgnore(t *testing.T) {
	t.Parallel()
	const lines = "# why\nCVE-2026-1 exp:2026-11-24\nCVE-2026-2 exp:2026-11-26 # soon\nCVE-2026-3\n\n"
	const asYAML = "vulnerabilities:\n  - id: CVE-2026-1\n    expired_at: 2026-11-24\n  - id: CVE-2026-3\nsecrets:\n  - id: aws\n"
	for name, text := range map[string]string{".trivyignore": lines, ".trivyignore.yaml": asYAML} {
		w := newWorld(t, trivytest.Plan{Report: vulnerable("HIGH", "2")})
		if err := os.WriteFile(filepath.Join(w.deps.Job.Workspace, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := w.config(w.push("1", "linux/amd64"))
		cfg.FailOn, cfg.Upload = severity(trivy.High), uploadNever
		_, err := w.run(cfg)
		if err == nil || !strings.Contains(err.Error(), "whose rule to ignore it expired on 2026-11-24") {
			t.Errorf("%s: error %v", name, err)
		}
		if log := w.log.String(); strings.Count(log, "has expired") != 1 || !strings.Contains(log, "id=CVE-2026-1") {
			t.Errorf("%s: log:\n%s", name, log)
		}
		given := false
		for _, c := range trivytest.Calls(t, w.trivy) {
			for i, arg := range c.Args {
				given = given || arg == "--ignorefile" && strings.HasSuffix(c.Args[i+1], filepath.Ext(strings.TrimPrefix(name, ".")))
			}
		}
		if !given {
			t.Errorf("%s: Trivy isn't given it", name)
		}
	}
}

func TestBadRulesToIgnore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	w := newWorld(t, trivytest.Plan{})
	good := file("good", "CVE-1\n")
	for want, paths := range map[string][]string{
		"no such file":                        {filepath.Join(dir, "absent")},
		`CVE-1: "soon" is not a date`:         {good, file("soon", "CVE-1 exp:soon\nCVE-2 exp:2027-01-31\n")},
		`CVE-1: "2027" is not a date`:         {file("date.yaml", "vulnerabilities: [{id: CVE-1, expired_at: \"2027\"}]")},
		"not YAML":                            {file("bad.yml", "vulnerabilities: 7")},
		"several files as text, or one in YA": {good, file("two.yaml", "")},
	} {
		if _, err := readIgnores(paths, w.deps); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) != 1 {
			t.Errorf("%q: error %v with %q", paths, err, hint.Of(err))
		}
	}
}

func FuzzIgnores(f *testing.F) {
	f.Add("CVE-1 exp:2026-01-01 # x")
	f.Add("vulnerabilities: [{id: a, expired_at: 2026-01-01}]")
	f.Fuzz(func(t *testing.T, text string) {
		inLines, err := lineEnds([]byte(text))
		inYAML, yamlErr := yamlEnds([]byte(text))
		if err == nil && len(inLines) > 0 && !strings.Contains(text, "exp:") || yamlErr == nil && len(inYAML) > 0 && !strings.Contains(text, "expired_at") {
			t.Errorf("%q: %v, %v", text, inLines, inYAML)
		}
	})
}
