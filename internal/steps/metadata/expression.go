package metadata

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/metadata/handlebars"
)

// render evaluates a template with the global expressions.
func (e *evaluator) render(template string) (string, error) {
	return handlebars.Render(template, e.globals)
}

// expressions are the names that every template of a rule, flavor, label or
// annotation may use.
func (e *evaluator) expressions(ctx context.Context) handlebars.Object {
	text := func(get func() string) handlebars.Func {
		return func([]any, handlebars.Object) (any, error) { return get(), nil }
	}
	dates := e.dates(ctx)
	return handlebars.Object{
		{Name: "branch", Value: text(func() string { return e.refName(headRef) })},
		{Name: "tag", Value: text(func() string { return e.refName(tagRef) })},
		{Name: "sha", Value: text(e.shortSHA)},
		{Name: "base_ref", Value: text(e.baseRef)},
		dates[0],
		{Name: "is_default_branch", Value: text(func() string { return strconv.FormatBool(e.onDefaultBranch()) })},
		{Name: "is_not_default_branch", Value: text(func() string { return strconv.FormatBool(!e.onDefaultBranch()) })},
		dates[1],
	}
}

// dates are the names that the pattern of a schedule may use: commit_date and date.
func (e *evaluator) dates(ctx context.Context) handlebars.Object {
	return handlebars.Object{
		{Name: "commit_date", Value: handlebars.Func(func(args []any, named handlebars.Object) (any, error) {
			date, err := e.commitDate(ctx)
			if err != nil {
				return nil, err
			}
			return e.date(date, args, named)
		})},
		{Name: "date", Value: handlebars.Func(func(args []any, named handlebars.Object) (any, error) {
			return e.date(e.settings.Now, args, named)
		})},
	}
}

// refName returns the name of the ref, or "" where it is of another kind.
func (e *evaluator) refName(prefix string) string {
	name, ok := strings.CutPrefix(e.event.Ref, prefix)
	if !ok {
		return ""
	}
	return name
}

func (e *evaluator) shortSHA() string {
	return e.event.SHA[:min(len(e.event.SHA), e.settings.ShortSHALength)]
}

// baseRef returns the branch that a tag was pushed from, where GitHub says so,
// or that a pull request goes to.
func (e *evaluator) baseRef() string {
	switch {
	case strings.HasPrefix(e.event.Ref, tagRef):
		return strings.TrimPrefix(e.event.Payload.BaseRef, headRef)
	case strings.HasPrefix(e.event.Ref, pullRef):
		return e.event.Payload.PullRequest.Base.Ref
	}
	return ""
}

// onDefaultBranch reports whether the event is about the default branch.
func (e *evaluator) onDefaultBranch() bool {
	branch := strings.TrimPrefix(e.event.Ref, headRef)
	if branch == "" {
		return false
	}
	// These events are always about the last commit of the default branch.
	// https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
	for _, name := range []string{"create", "discussion", "issues", "schedule"} {
		if strings.Contains(e.event.Name, name) {
			return true
		}
	}
	about, _ := e.event.repository()
	return branch == about.DefaultBranch
}

// date is {{date 'YYYYMMDD' tz='Asia/Tokyo'}}.
func (e *evaluator) date(t time.Time, args []any, named handlebars.Object) (string, error) {
	if len(args) != 1 {
		return "", hint.Wrap(errors.New("a date takes one format"), "write it in quotes, as in {{date 'YYYYMMDD'}}")
	}
	var layout string
	switch format := args[0].(type) {
	case nil: // a name without quotes, and no such name
		e.log.Warn("a date has no format; put it in quotes, as in {{date 'YYYYMMDD'}}")
	case string:
		layout = format
	default:
		return "", hint.Wrap(fmt.Errorf("%v is no format of a date", format), "write it in quotes, as in {{date 'YYYYMMDD'}}")
	}
	zone := time.UTC
	for _, attribute := range named {
		if attribute.Name != "tz" {
			return "", hint.Wrap(fmt.Errorf("unknown attribute %q of a date", attribute.Name), "a date has the attribute tz")
		}
		zoneName, _ := attribute.Value.(string)
		if zoneName == "" {
			return "", hint.Wrap(errors.New("the time zone of a date is empty"), "name one of the IANA database, as in tz='Europe/Berlin'")
		}
		var ok bool
		if zone, ok = timeZone(zoneName); !ok {
			e.log.Warn(fmt.Sprintf("time zone %q is unknown, so the date is UTC; name one of the IANA database, as in tz='Europe/Berlin'", zoneName))
		}
	}
	if t.IsZero() {
		return "Invalid date", nil
	}
	return formatDate(t.In(zone), layout), nil
}

// commitDate returns when the event's commit was made; the zero time where the
// payload has something else than a date.
func (e *evaluator) commitDate(ctx context.Context) (time.Time, error) {
	if e.commit != nil {
		return *e.commit, nil
	}
	date, err := e.findCommitDate(ctx)
	if err == nil {
		e.commit = &date
	}
	return date, err
}

func (e *evaluator) findCommitDate(ctx context.Context) (time.Time, error) {
	if text, ok := e.event.commitTime(); ok {
		date, err := time.Parse(time.RFC3339, text)
		if err != nil {
			e.log.Warn(fmt.Sprintf("the event's commit has the time %q, which is no date", text))
		}
		return date, nil
	}
	if e.github == nil || e.event.SHA == "" {
		return e.settings.Now, nil
	}
	date, err := e.github.CommitDate(ctx, e.event.SHA)
	switch {
	case ctx.Err() != nil:
		return time.Time{}, ctx.Err()
	case err != nil:
		e.log.Warn("the date of the commit can't be had, so it is now", "cause", err)
	case date.IsZero():
		e.log.Warn("the commit has no date, so it is now")
	default:
		return date, nil
	}
	return e.settings.Now, nil
}

// about returns what GitHub knows of the repository, from the event where it
// tells all, else by one call.
func (e *evaluator) about(ctx context.Context) (ghapi.About, error) {
	if e.repository != nil {
		return *e.repository, nil
	}
	about, complete := e.event.repository()
	if !complete && e.github != nil {
		var err error
		if about, err = e.github.About(ctx); err != nil {
			return ghapi.About{}, err
		}
	}
	e.repository = &about
	return about, nil
}
