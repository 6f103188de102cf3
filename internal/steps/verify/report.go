package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Verdict is the outcome of a check, or of all.
type Verdict string

// The verdicts. Only the first is a pass.
const (
	Verified  Verdict = "verified"
	Refused   Verdict = "refused"
	Undecided Verdict = "undecided"
)

// Check is one claim about an image, and whether it is true.
type Check struct {
	Image    string       `json:"image,omitempty"` // the reference, as given
	Of       string       `json:"of"`              // "image", "index" or a platform
	Digest   image.Digest `json:"digest,omitempty"`
	Claim    string       `json:"claim"`
	Verdict  Verdict      `json:"verdict"`
	Detail   string       `json:"detail,omitempty"`
	Identity string       `json:"identity,omitempty"` // who signed
	LogIndex *int64       `json:"logIndex,omitempty"` // in the transparency log
	Time     *time.Time   `json:"time,omitempty"`     // when it was signed

	err error
}

func (c Check) with(v Verdict, detail string) Check {
	c.Verdict, c.Detail = v, printable(detail)
	return c
}

// printable is text of others, fit for a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

func (c Check) verified(detail string) Check  { return c.with(Verified, detail) }
func (c Check) refused(detail string) Check   { return c.with(Refused, detail) }
func (c Check) undecided(detail string) Check { return c.with(Undecided, detail) }

// String is one line for people.
func (c Check) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s: %s: %s", c.Image, c.Of, c.Claim, c.Detail)), " ")
}

// Report is what was checked.
type Report struct {
	Verdict  Verdict      `json:"verdict"`
	Digest   image.Digest `json:"digest,omitempty"` // where verified
	Expected Expected     `json:"expected"`         // who must have signed
	Checks   []Check      `json:"checks"`
	Images   []Image      `json:"images,omitempty"` // where asked

	doubt string // a mend for what is refused
}

// conclude sums up: one refusal refuses, and only if all is verified is it so.
func (r *Report) conclude(d image.Digest) {
	r.Verdict = Verified
	for _, c := range r.Checks {
		switch {
		case c.Verdict == Refused:
			r.Verdict = Refused
			return
		case c.Verdict != Verified:
			r.Verdict = Undecided
		}
	}
	if r.Verdict == Verified {
		r.Digest = d
	}
}

// err is nil if all is verified. It names every check that is not.
func (r Report) err() error {
	var errs []error
	for _, c := range r.Checks {
		// The error of a check that was not decided has the mend.
		switch c.Verdict {
		case Verified:
		case Refused:
			errs = append(errs, fmt.Errorf("%w: %s", ErrRefused, c))
		default:
			errs = append(errs, &undecidedError{c})
		}
	}
	err := errors.Join(errs...)
	if r.Verdict == Refused {
		err = hint.Wrap(err, "do not use the image unless you know why; signatures are expected of %s", r.Expected)
		if r.doubt != "" {
			err = hint.Wrap(err, "%s", r.doubt)
		}
	}
	return err
}

type undecidedError struct{ check Check }

func (e *undecidedError) Error() string   { return ErrUndecided.Error() + ": " + e.check.String() }
func (e *undecidedError) Unwrap() []error { return []error{ErrUndecided, e.check.err} }

// Result is the step's outputs.
type Result struct {
	Digest image.Digest    `output:"digest"` // of the image, where it is verified
	Report json.RawMessage `output:"report"`
	Files  []string        `output:"files"` // that were extracted

	report Report
	format string
}

func newResult(r Report, format string) (Result, error) {
	text, err := json.Marshal(r)
	return Result{Digest: r.Digest, Report: text, report: r, format: format}, err
}

// Print writes the report: tables for people, JSON, or SARIF.
func (r Result) Print(w io.Writer) error {
	if len(r.report.Checks) == 0 {
		return nil
	}
	switch r.format {
	case "json":
		return write(w, r.report)
	case "sarif":
		return write(w, newSARIF(r.report))
	}
	return r.print(w)
}

func write(w io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func (r Result) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	image := ""
	for _, c := range r.report.Checks {
		if c.Image != image {
			image = c.Image
			_, _ = fmt.Fprintf(table, "%s\n", image) // Flush returns the error
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", mark(c.Verdict), c.Of, c.Claim, c.Detail)
	}
	for n, row := range imageTable(r.report.Images) {
		if n == 0 {
			_, _ = fmt.Fprintln(table)
		}
		_, _ = fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	for _, path := range r.Files {
		_, _ = fmt.Fprintln(table, path)
	}
	_, _ = fmt.Fprintf(table, "expected %s\n", r.report.Expected)
	for _, how := range r.report.Expected.Derived {
		_, _ = fmt.Fprintf(table, "  %s\n", how)
	}
	_, _ = fmt.Fprintln(table, strings.TrimSpace(string(r.report.Verdict)+" "+string(r.report.Digest)))
	return table.Flush()
}

func mark(v Verdict) string {
	switch v {
	case Verified:
		return "✓"
	case Refused:
		return "✗"
	default:
		return "?"
	}
}
