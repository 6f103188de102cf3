package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/trivy"
)

// errNothing says that a scan had nothing to go by, which is no clean image.
var errNothing = errors.New("trivy knows neither the operating system nor any package in it")

// scan has Trivy look at the images of t, all at once, and counts what it finds
// in each. That there are findings refuses nothing; that there was no scan is no pass.
func scan(ctx context.Context, d Deps, t target, images []Image) []Check {
	about := Check{Image: t.ref.String(), Digest: t.pinned.Digest, Of: "image", Claim: "scan"}
	undone := func(c Check, err error) Check {
		c.err = err
		return c.undecided("not done: " + err.Error())
	}
	scanner, err := trivy.Open(ctx, d.Trivy)
	if err != nil {
		return []Check{undone(about, hint.Wrap(err,
			"install Trivy %s, https://github.com/aquasecurity/trivy/releases/tag/v%[1]s, and name it with \"trivy-path\"; or leave out \"scan\"", trivy.Version))}
	}
	checks := make([]Check, len(images))
	_ = parallel.Each(images, func(n int, i Image) error { // what goes wrong is a check's verdict
		check := about
		check.Of, check.Digest = i.Platform, i.Digest
		report, err := scanner.Image(ctx, t.ref.Repository.Pin(i.Digest), i.platform)
		if err == nil && report.Nothing() {
			err = errNothing
		}
		if err != nil {
			checks[n] = undone(check, err)
			return nil
		}
		images[n].Findings = report.Count()
		detail := "findings: " + images[n].findings()
		if report.OS != nil {
			detail = fmt.Sprintf("%s, %d packages, %s", report.OS, report.Packages, detail)
		}
		checks[n] = check.verified(detail)
		return nil
	})
	if err := scanner.Close(); err != nil {
		return append(checks, undone(about, err))
	}
	return checks
}
