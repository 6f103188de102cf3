package scan

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/transport"
)

// Upload says whether code scanning gets the findings.
type Upload string

const (
	uploadAuto     Upload = "auto" // where it may and can
	uploadRequired Upload = "required"
	uploadNever    Upload = "never"
)

// UnmarshalText checks that u is one of the three.
func (u *Upload) UnmarshalText(text []byte) error {
	*u = Upload(text)
	if *u != uploadAuto && *u != uploadRequired && *u != uploadNever {
		return hint.Wrap(fmt.Errorf("upload %q is no way to deal with findings", text), "write auto, required or never")
	}
	return nil
}

// upload gives the documents to code scanning, all at once. Where that isn't
// possible, it is a warning, or an error where it is required. It reports
// whether code scanning has them.
func upload(ctx context.Context, cfg Config, d Deps, documents []document, started time.Time) (bool, error) {
	if cfg.Upload == uploadNever {
		return false, nil
	}
	err := hint.New("there is no workflow whose findings GitHub could show", "upload the files in \"sarif\" by other means")
	if d.GitHub != nil && d.Job.Commit != "" {
		wait := cfg.RetryFor
		if wait == 0 {
			wait = transport.DefaultRetryFor
		}
		replayable := transport.Replayable(ctx) // the newest analysis of a category counts
		err = parallel.Each(documents, func(_ int, doc document) error {
			checkout := url.URL{Scheme: "file", Path: d.Job.Workspace}
			return d.GitHub.UploadSARIF(replayable, ghapi.SARIF{
				Commit: d.Job.Commit, Ref: d.Job.Ref, Gzip: doc.gzip, CheckoutURI: checkout.String(), Started: started.UTC().Truncate(time.Second), Tool: "Trivy",
			}, wait)
		})
	}
	switch {
	case err == nil:
		return true, nil
	case cfg.Upload == uploadRequired || ctx.Err() != nil:
		return false, err
	case d.GitHub == nil:
		return false, nil // outside of a workflow, nobody expects it
	}
	for _, one := range split(err) {
		d.Log.Warn("code scanning doesn't show the findings", "reason", one, "mend", strings.Join(hint.Of(one), "; "))
	}
	return false, nil
}

// split returns each of several errors once, by its text.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error }) // as parallel.Each joins them
	if !ok {
		return []error{err}
	}
	var all []error
	seen := map[string]bool{}
	for _, one := range joined.Unwrap() {
		if !seen[one.Error()] {
			seen[one.Error()] = true
			all = append(all, one)
		}
	}
	return all
}
