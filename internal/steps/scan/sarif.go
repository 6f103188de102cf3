package scan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/trivy"
)

// defaultCategory is the first part of the categories; the platform follows.
const defaultCategory = "container-release"

func category(cfg Config, t target) string {
	return cmp.Or(cfg.Category, defaultCategory) + "/" + t.platform.Slug()
}

// document is a SARIF file with what code scanning reads of one. Findings have
// the rules, levels and places that Trivy's own SARIF gives them. Trivy doesn't
// make it, since that takes another process for each platform, which crashes on
// a file with "%" in its name; and without fingerprints alerts come twice.
//
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
// https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
type document struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`

	cut  int    // results that had to be left out
	gzip []byte // what is uploaded; set by fit
}

// run is what was found in one image.
type run struct {
	Tool struct {
		Driver driver `json:"driver"`
	} `json:"tool"`
	Automation struct {
		ID string `json:"id"`
	} `json:"automationDetails"`
	Results    []result `json:"results"`
	Properties struct {
		Image string `json:"image"`
	} `json:"properties"`
}

type driver struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	URL     string `json:"informationUri"`
	Rules   []rule `json:"rules"`
}

// rule is a vulnerability, or what else can be found.
type rule struct {
	ID      string `json:"id"`
	Short   text   `json:"shortDescription"`
	Full    text   `json:"fullDescription"`
	Default struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
	URL        string `json:"helpUri,omitempty"`
	Help       text   `json:"help"`
	Properties struct {
		Tags      []string `json:"tags"`
		Precision string   `json:"precision"`
		Score     string   `json:"security-severity"`
	} `json:"properties"`
}

// result is a rule that holds somewhere.
type result struct {
	Rule         string            `json:"ruleId"`
	Index        int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      text              `json:"message"`
	Locations    []location        `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type text struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type location struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			Start int `json:"startLine"`
			End   int `json:"endLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
	Message text `json:"message"`
}

// newDocument returns what was found in the image of t, the worst first: that
// stays where some has to go, and code scanning shows the first 5,000.
func newDocument(t target, category string) document {
	var r run
	r.Tool.Driver = driver{"Trivy", trivy.Version, "https://github.com/aquasecurity/trivy", []rule{}}
	r.Automation.ID = category + "/" // the category is what stands before the last slash
	r.Results = []result{}           // null would say that nothing was looked for
	r.Properties.Image = t.image.String()
	findings := slices.Clone(t.report.Findings)
	slices.SortStableFunc(findings, func(a, b trivy.Finding) int { return cmp.Compare(score(b), score(a)) })
	rules, seen := map[string]int{}, map[string]int{}
	for _, f := range findings {
		id := ruleID(f)
		index, known := rules[id]
		if !known {
			index = len(rules)
			rules[id] = index
			r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, newRule(id, f))
		}
		// The same finding of the next release is the same alert.
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join([]string{id, f.Package, f.File}, "\x00"))))[:32]
		seen[hash]++
		r.Results = append(r.Results, result{
			Rule: id, Index: index, Level: level(f.Severity), Message: text{Text: message(f)}, Locations: locate(f, t.image),
			Fingerprints: map[string]string{"primaryLocationLineHash": hash + ":" + strconv.Itoa(seen[hash])},
		})
	}
	return document{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []run{r}}
}

// ruleID is the finding's ID; a licence is one of a package.
func ruleID(f trivy.Finding) string {
	if f.Kind == trivy.License {
		return f.Package + ":" + f.ID
	}
	return f.ID
}

// maxText is how much of a description code scanning takes, in characters.
const maxText = 1024

func newRule(id string, f trivy.Finding) rule {
	limited := func(s string) text { return text{Text: markdown.Prefix(s, maxText, utf8.RuneCountInString)} }
	about := cmp.Or(f.Description, f.Title, id)
	r := rule{ID: id, Short: limited(cmp.Or(f.Title, id)), Full: limited(about), Help: text{Text: about}}
	r.Default.Level = level(f.Severity)
	r.Properties.Tags = []string{f.Kind, "security", f.Severity.String()}
	r.Properties.Precision = "very-high"
	r.Properties.Score = strconv.FormatFloat(score(f), 'f', 1, 64)
	if u, err := url.Parse(f.URL); err == nil && u.Scheme == "https" {
		r.URL = u.String()
		r.Help.Text += "\n\n" + r.URL
		r.Help.Markdown = about + "\n\n[" + id + "](" + r.URL + ")"
	}
	return r
}

// score is how bad the finding is, from 0 to 10: code scanning tells severities
// by it. Without a score, it is one in the middle of the severity's range.
func score(f trivy.Finding) float64 {
	if f.Score > 0 {
		return f.Score
	}
	return map[trivy.Severity]float64{trivy.Critical: 9.5, trivy.High: 8, trivy.Medium: 5.5, trivy.Low: 2}[f.Severity]
}

func level(s trivy.Severity) string {
	switch {
	case s >= trivy.High:
		return "error"
	case s == trivy.Medium:
		return "warning"
	}
	return "note"
}

// message says what is where.
func message(f trivy.Finding) string {
	what := cmp.Or(f.Title, f.ID)
	if f.Package == "" {
		return what
	}
	what = strings.TrimSpace(f.Package+" "+f.Installed) + ": " + what
	switch {
	case f.Kind != trivy.Vulnerability:
		return what
	case f.Fixed == "":
		return what + " (no fix)"
	}
	return what + " (fixed in " + f.Fixed + ")"
}

// locate returns where a finding is. Files are those of the image, not of the
// repository, and code scanning wants them relative. What isn't in a file is in
// the image.
func locate(f trivy.Finding, p image.Pinned) []location {
	lines := f.Lines
	if len(lines) == 0 {
		lines = []trivy.Lines{{}}
	}
	path := cmp.Or(strings.TrimLeft(f.File, "/"), p.Repository.Path(), "image")
	var all []location
	for _, l := range lines {
		var at location
		at.Physical.Artifact.URI = (&url.URL{Path: path}).String()
		at.Physical.Region.Start, at.Physical.Region.End = max(l.StartLine, 1), max(l.EndLine, l.StartLine, 1)
		at.Message.Text = path
		all = append(all, at)
	}
	return all
}
