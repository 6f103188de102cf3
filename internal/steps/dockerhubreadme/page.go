package dockerhubreadme

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/markdown"
)

// page makes what is to be shown, each part within its limit.
func (c Config) page(d Deps) (dockerhub.Page, error) {
	from := origin{d.Job}
	text, err := c.text(from)
	if err != nil {
		return dockerhub.Page{}, err
	}
	s := c.Provider.site()
	page := dockerhub.Page{FullDescription: text}
	if s.max > 0 {
		page.FullDescription = markdown.Cut(text, s.max, measure, c.note(from))
	}
	if page.FullDescription != text {
		d.Log.Warn("the text is cut to what "+s.title+" takes", "file", c.Readme, "bytes", len(text), "limit", s.max)
	}
	switch {
	case c.ShortDescription == "":
	case !s.short:
		d.Log.Warn("the short description is left out: " + s.title + " has none")
	default:
		short := markdown.Prefix(c.ShortDescription, dockerhub.MaxDescription, measure)
		if short != c.ShortDescription {
			d.Log.Warn("the short description is cut to what "+s.title+" takes", "bytes", len(c.ShortDescription), "limit", dockerhub.MaxDescription)
		}
		page.Description = &short
	}
	for _, slug := range c.Categories {
		page.Categories = append(page.Categories, dockerhub.Category{Slug: string(slug)})
	}
	return page, nil
}

// maxFile bounds what is read, in bytes.
const maxFile = 4 << 20

// text is what the file says to the readers of a registry's page.
func (c Config) text(from origin) (string, error) {
	file := c.Readme
	if !filepath.IsAbs(file) {
		file = filepath.Join(from.Workspace, file)
	}
	content, err := os.ReadFile(file)
	switch {
	case err != nil:
		return "", hint.Wrap(fmt.Errorf("input \"readme-filepath\": %w", err), "name a file of the checkout; actions/checkout must have run before")
	case len(content) > maxFile:
		return "", hint.New(fmt.Sprintf("input \"readme-filepath\": %s has %d bytes", c.Readme, len(content)), "name a text of %d bytes at most", maxFile)
	case bytes.IndexByte(content, 0) >= 0:
		return "", hint.New(fmt.Sprintf("input \"readme-filepath\": %s is not text", c.Readme), "name a file with Markdown in UTF-8")
	}
	text := strings.ToValidUTF8(string(content), "\uFFFD")
	if c.Region != "" {
		if text, err = region(text, c.Region); err != nil {
			return "", fmt.Errorf("input \"readme-filepath\": %s: %w", c.Readme, err)
		}
	}
	switch {
	case strings.TrimSpace(text) == "" && len(content) > 0:
		return "", hint.New(fmt.Sprintf("input \"readme-filepath\": %s has nothing to show", c.Readme), "write something into its region %q", c.Region)
	case !c.CompleteURLs:
		return text, nil
	case !from.known():
		return "", hint.New("links can't be completed: the repository on GitHub isn't known", "set \"enable-url-completion: false\" outside of GitHub Actions")
	}
	return from.complete(text, c.Readme, c.ImageExtensions), nil
}

// measure counts bytes, as Docker Hub does.
func measure(s string) int { return len(s) }

// note stands below a text that was cut.
func (c Config) note(s origin) string {
	note := "*Docker Hub shows 25,000 bytes of this text"
	if s.known() {
		return note + "; [all of it is on GitHub](" + s.url("blob", s.inRepository(c.Readme)) + ").*"
	}
	return note + ".*"
}

// sameText compares descriptions but for the space around them, which Docker
// Hub takes off.
func sameText(have, want dockerhub.Page) bool {
	return same(have.FullDescription, want.FullDescription) && (want.Description == nil || same(short(have), short(want)))
}

func same(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

func short(p dockerhub.Page) string {
	if p.Description == nil {
		return ""
	}
	return *p.Description
}

// sameCategories compares them in any order; none wanted is no wish.
func sameCategories(have, want dockerhub.Page) bool {
	return len(want.Categories) == 0 || slices.Equal(slices.Sorted(slices.Values(slugs(have))), slices.Sorted(slices.Values(slugs(want))))
}

func slugs(p dockerhub.Page) []string {
	var all []string
	for _, c := range p.Categories {
		all = append(all, c.Slug)
	}
	return all
}

// diff shows what would change, as diff -u does.
func diff(name string, have, want dockerhub.Page) string {
	if want.Description == nil {
		want.Description = have.Description
	}
	if len(want.Categories) == 0 {
		want.Categories = have.Categories
	}
	return udiff.Unified(name+" (now)", name+" (then)", lines(have), lines(want))
}

// lines shows a page as one text.
func lines(p dockerhub.Page) string {
	var b strings.Builder
	if text := short(p); text != "" {
		fmt.Fprintf(&b, "short description: %s\n", text)
	}
	if all := slugs(p); len(all) > 0 {
		slices.Sort(all)
		fmt.Fprintf(&b, "categories: %s\n", strings.Join(all, ", "))
	}
	if text := strings.TrimSpace(p.FullDescription); text != "" {
		b.WriteString(text + "\n")
	}
	return b.String()
}
