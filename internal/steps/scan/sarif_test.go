package scan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
)

var app = func() image.Pinned {
	p, err := image.ParsePinned("ghcr.io/acme/app@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		panic(err)
	}
	return p
}()

func TestSARIFOfTrivy(t *testing.T) {
	t.Parallel()
	text := strings.Replace(recorded(t, "alpine.sarif"), `"uri": "usr/bin/hello"`, `"uri": "/usr/bin/hello"`, 1)
	text = strings.Replace(text, `"uri": "usr/bin/hello"`, `"uri": ""`, 1)
	d, err := parseSARIF([]byte(text), "c/linux-arm64", app)
	if err != nil {
		t.Fatal(err)
	}
	written, err := d.fit()
	if err != nil {
		t.Fatal(err)
	}
	var again struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Results           []struct {
				RuleID, Level string
				RuleIndex     int
				Locations     []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
		}
	}
	if err := json.Unmarshal(written, &again); err != nil {
		t.Fatal(err)
	}
	r := again.Runs[0]
	if r.AutomationDetails.ID != "c/linux-arm64/" || len(r.Results) != 13 || d.cut != 0 || r.Results[0].Level != "error" || r.Results[12].Level != "note" {
		t.Errorf("%+v", r)
	}
	for _, result := range r.Results {
		uri := result.Locations[0].PhysicalLocation.ArtifactLocation.URI
		if uri == "" || strings.HasPrefix(uri, "/") || r.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
			t.Errorf("%s is in %q, and has the rule %d", result.RuleID, uri, result.RuleIndex)
		}
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(d.gzip))
	if err != nil {
		t.Fatal(err)
	}
	if sent, err := io.ReadAll(unzipped); err != nil || !bytes.Equal(sent, written) {
		t.Errorf("what is uploaded isn't what is written: %v", err)
	}
}

// many is a document with n results, half of which are bad, each of the size.
func many(n, size int) document {
	d := document{Version: "2.1.0", Runs: []run{{Tool: json.RawMessage(
		`{"driver":{"name":"Trivy","rules":[{"id":"mild","properties":{"security-severity":"2.0"}},{"id":"bad","properties":{"security-severity":"9.8"}}]}}`)}}}
	noise := rand.New(rand.NewPCG(1, 2)) // text that can't be compressed
	for i := range n {
		var text strings.Builder
		for text.Len() < size {
			fmt.Fprintf(&text, "%x", noise.Uint64())
		}
		d.Runs[0].Results = append(d.Runs[0].Results, map[string]any{"ruleId": []string{"mild", "bad"}[i%2], "message": map[string]any{"text": text.String()}})
	}
	return d
}

func TestTheWorstResultsStay(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]document{"too many": many(maxResults+10, 0), "too large": many(12_000, 2500)} {
		before := len(d.Runs[0].Results)
		if err := d.Runs[0].sort(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.fit(); err != nil {
			t.Fatal(err)
		}
		left := d.Runs[0].Results
		if len(left) > maxResults || len(d.gzip) > maxGzip || d.cut != before-len(left) || d.cut == 0 || left[0]["ruleId"] != "bad" {
			t.Errorf("%s: %d results in %d bytes are left, %d were cut", name, len(left), len(d.gzip), d.cut)
		}
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"version":"2.0.0","runs":[{}]}`, `{"version":"2.1.0","runs":[]}`, `{"version":"2.1.0","runs":[{"tool":7}]}`} {
		if _, err := parseSARIF([]byte(text), "c", app); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzSARIF(f *testing.F) {
	f.Add([]byte(`{"version":"2.1.0","runs":[{"tool":{},"results":[{"locations":[{"physicalLocation":{"artifactLocation":{"uri":"/x"}}}, 7]}]}]}`))
	f.Add([]byte(`{"version":"2.1.0","runs":[{"tool":{},"results":[null]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := parseSARIF(text, "c", app)
		if err != nil {
			return
		}
		if _, err := d.fit(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
