package scan

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/image"
)

// What code scanning takes at most.
//
// https://docs.github.com/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
const (
	maxResults = 25_000    // of a run
	maxGzip    = 10 << 20  // bytes of a file, compressed
	maxSARIF   = 256 << 20 // bytes of a file that is compressed at all
)

// defaultCategory is the first part of the categories; the platform follows.
const defaultCategory = "container-release"

func category(cfg Config, t target) string {
	return cmp.Or(cfg.Category, defaultCategory) + "/" + t.platform.Slug()
}

// document is a SARIF file, as Trivy makes it.
//
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type document struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`

	cut  int    // results that had to be left out
	gzip []byte // what is uploaded; set by fit
}

// run is what was found in one image. What isn't changed stays as it is.
type run struct {
	Tool       json.RawMessage  `json:"tool"`
	Automation automation       `json:"automationDetails"`
	Results    []map[string]any `json:"results"`
	ColumnKind string           `json:"columnKind,omitempty"`
	Bases      json.RawMessage  `json:"originalUriBaseIds,omitempty"`
	Properties json.RawMessage  `json:"properties,omitempty"`
}

type automation struct {
	ID string `json:"id"`
}

// parseSARIF reads what Trivy wrote of the image p, and gives it its category
// and locations that code scanning takes.
func parseSARIF(text []byte, category string, p image.Pinned) (document, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return document{}, fmt.Errorf("read SARIF of trivy: %w", err)
	}
	if d.Version != "2.1.0" || len(d.Runs) != 1 {
		return document{}, fmt.Errorf("SARIF of trivy has version %q and %d runs, not 2.1.0 and one", d.Version, len(d.Runs))
	}
	r := &d.Runs[0]
	// What stands before the last slash is the category.
	r.Automation.ID = category + "/"
	if r.Results == nil {
		r.Results = []map[string]any{} // null would say that nothing was looked for
	}
	for _, result := range r.Results {
		locate(result, cmp.Or(p.Repository.Path(), "image"))
	}
	return d, r.sort()
}

// locate makes the locations of a result relative: files are those of the
// image, not of the repository. What isn't in a file is in the image.
func locate(result map[string]any, otherwise string) {
	locations, _ := result["locations"].([]any)
	for _, l := range locations {
		location, _ := l.(map[string]any)
		physical, _ := location["physicalLocation"].(map[string]any)
		artifact, _ := physical["artifactLocation"].(map[string]any)
		if artifact == nil {
			continue
		}
		uri, _ := artifact["uri"].(string)
		artifact["uri"] = cmp.Or(strings.TrimLeft(uri, "/"), otherwise)
	}
}

// sort puts the worst results first: they stay where some have to go, and code
// scanning shows the first 5,000.
func (r *run) sort() error {
	var tool struct {
		Driver struct {
			Rules []struct {
				ID         string
				Properties struct {
					Score string `json:"security-severity"`
				}
			}
		}
	}
	if err := json.Unmarshal(r.Tool, &tool); err != nil {
		return fmt.Errorf("read SARIF of trivy: %w", err)
	}
	scores := map[string]float64{}
	for _, rule := range tool.Driver.Rules {
		scores[rule.ID], _ = strconv.ParseFloat(rule.Properties.Score, 64) // 0 where there is none
	}
	score := func(result map[string]any) float64 {
		id, _ := result["ruleId"].(string)
		return scores[id]
	}
	slices.SortStableFunc(r.Results, func(a, b map[string]any) int { return cmp.Compare(score(b), score(a)) })
	return nil
}

// merge returns one file with the runs of all.
func merge(documents []document) document {
	all := documents[0]
	for _, d := range documents[1:] {
		all.Runs = append(all.Runs, d.Runs...)
	}
	return all
}

// fit returns the file, with as many of the worst results as code scanning
// takes.
func (d *document) fit() ([]byte, error) {
	for most := maxResults; ; most /= 2 {
		for i := range d.Runs {
			r := &d.Runs[i]
			if n := len(r.Results) - most; n > 0 {
				r.Results, d.cut = r.Results[:most], d.cut+n
			}
		}
		text, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return nil, err
		}
		if len(text) <= maxSARIF || most == 0 {
			var zipped bytes.Buffer
			zip := gzip.NewWriter(&zipped)
			if _, err := zip.Write(text); err != nil {
				return nil, err
			}
			if err := zip.Close(); err != nil {
				return nil, err
			}
			if d.gzip = zipped.Bytes(); len(d.gzip) <= maxGzip || most == 0 {
				return text, nil
			}
		}
	}
}
