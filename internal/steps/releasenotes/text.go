package releasenotes

import (
	"context"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// ownText returns the text that the user gives, or "". A file goes before what is
// written in the workflow, even an empty one.
func (c Config) ownText() (string, error) {
	if c.BodyPath == "" {
		return c.Body, nil
	}
	text, err := os.ReadFile(c.BodyPath)
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("input \"body-path\": %w", err), "name a file below the workspace")
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), nil
}

// name returns the release's title: what is given, else what is there, else the tag.
func (r *releaser) name(current *ghapi.Release) string {
	switch {
	case r.cfg.Name != "":
		return r.cfg.Name
	case current != nil && current.Name != "":
		return current.Name
	}
	return r.tag
}

// text returns the release's text: what the user gives, or else what is there,
// with our section. Where it is cut, whole is all of it.
func (r *releaser) text(ctx context.Context, current *ghapi.Release) (text, whole string, err error) {
	there := ""
	if current != nil {
		there = current.Body
	}
	own, err := r.generate(ctx, there)
	switch {
	case err != nil:
		return "", "", err
	case own == "":
		own = there
	case r.cfg.AppendBody && strings.Contains(there, strings.TrimSpace(own)):
		own = there // an earlier run has appended it
	case r.cfg.AppendBody:
		own = join(there, own)
	}
	if text = merge(own, r.section); utf8.RuneCountInString(text) <= maxBody {
		return text, "", nil
	}
	return cut(own, r.section, fmt.Sprintf(cutNote, r.downloads(r.tag)+"/"+wholeName)), text, nil
}

// generate returns the user's text with GitHub's notes below it, if they are
// asked for. What people made of earlier notes stays: they are written where there
// is no text yet, or where it is replaced anyway.
func (r *releaser) generate(ctx context.Context, there string) (string, error) {
	if r.notes != nil {
		return join(r.own, *r.notes), nil
	}
	before, after, _ := cutSection(there)
	written := strings.TrimSpace(before+after) != ""
	if !r.cfg.Generate || (written && r.own == "" && !r.cfg.AppendBody) {
		return r.own, nil
	}
	notes, err := r.GitHub.GenerateNotes(ctx, ghapi.NotesRequest{Tag: r.tag, Target: r.target, Previous: strings.TrimPrefix(r.cfg.Previous, "refs/tags/")})
	if err == nil {
		r.notes = &notes
	}
	return join(r.own, notes), err
}
