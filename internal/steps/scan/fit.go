package scan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
)

// What code scanning takes at most.
//
// https://docs.github.com/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
const (
	maxResults = 25_000    // of a run
	maxGzip    = 10 << 20  // bytes of a file, compressed
	maxSARIF   = 256 << 20 // bytes of a file that is compressed at all
)

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
