package releasenotes

import (
	_ "embed"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/release"
)

// The comments around our section of a release's text. What is outside of them
// belongs to people.
const (
	beginMark = "<!-- release-actions:begin -->"
	endMark   = "<!-- release-actions:end -->"
)

// maxBody is how long a release's text may be; maxSection what our section may
// take of it. Both are in characters.
const (
	maxBody    = 125_000
	maxSection = 100_000
)

// cutNote ends a text that is cut; wholeName is the asset with all of it.
const (
	cutNote   = "*GitHub takes 125,000 characters, so the text is cut here. [All of it](%s) is attached.*"
	wholeName = "release-notes.md"
)

const sectionCutNote = "*This section is cut here: there is no room for more.*"

// notes is what the template is given.
type notes struct {
	Digest    image.Digest // of the index
	Images    []notesImage
	Platforms []notesPlatform
	// Identity and Issuer are what the signing certificate holds; no
	// verification is described where they are empty.
	Identity, Issuer string
	// TrustedRoot is the file with the keys of a private Sigstore, or empty.
	TrustedRoot string
	// Downloads is the address below which the release's assets are.
	Downloads string
}

// Tagged reports whether there is a tag to pull.
func (n notes) Tagged() bool {
	return slices.ContainsFunc(n.Images, func(i notesImage) bool { return i.Ref != "" })
}

// Asset returns the address of one of the release's assets.
func (n notes) Asset(name string) string { return n.Downloads + "/" + url.PathEscape(name) }

// notesImage is the image in one repository.
type notesImage struct {
	Pinned image.Pinned
	// Tags are the tags in this repository; Ref is the most lasting one as a
	// reference, or empty.
	Tags []string
	Ref  string
}

// notesPlatform is a platform of the image.
type notesPlatform struct {
	Platform image.Platform
	Digest   image.Digest
	// SPDX and CycloneDX are the names of the assets with its SBOM, or empty.
	SPDX, CycloneDX string
}

// Cosign returns a command of cosign on an image, to be pasted into a shell.
func (n notes) Cosign(subcommand string, i image.Pinned) string {
	lines := []string{"cosign " + subcommand}
	if n.TrustedRoot != "" {
		lines = append(lines, "--trusted-root "+quote(n.TrustedRoot))
	}
	// The exact identity: a pattern could match another repository's, too.
	lines = append(lines, "--certificate-identity "+quote(n.Identity), "--certificate-oidc-issuer "+quote(n.Issuer), i.String())
	return strings.Join(lines, " \\\n  ")
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote returns a word of a POSIX shell. Names of branches and tags may have
// almost any character.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// notesImages groups the tags by repository.
func (c Config) notesImages() []notesImage {
	var images []notesImage
	for _, pinned := range c.Images {
		if slices.ContainsFunc(images, func(i notesImage) bool { return i.Pinned == pinned }) {
			continue
		}
		i := notesImage{Pinned: pinned}
		for _, ref := range c.Tags {
			if ref.Repository == pinned.Repository && !slices.Contains(i.Tags, ref.Tag) {
				i.Tags = append(i.Tags, ref.Tag)
			}
		}
		if len(i.Tags) > 0 {
			lasting := max(slices.IndexFunc(i.Tags, release.Fixed), 0)
			i.Ref = pinned.Repository.Tag(i.Tags[lasting]).String()
		}
		images = append(images, i)
	}
	return images
}

// sbom returns the name of the file that holds a platform's SBOM, as the sbom
// step names them, or "" where it isn't released.
func sbom(files []ghapi.File, p image.Platform, format string) string {
	name := "sbom-" + p.Slug() + "." + format + ".json"
	if slices.ContainsFunc(files, func(f ghapi.File) bool { return f.Name == name }) {
		return name
	}
	return ""
}

//go:embed notes.md.tmpl
var defaultTemplate string

var parsedTemplate = template.Must(template.New("notes").Parse(defaultTemplate))

// section renders our section, marks included.
func (n notes) section() (string, error) {
	var b strings.Builder
	if err := parsedTemplate.Execute(&b, n); err != nil {
		return "", err
	}
	text := markdown.Cut(strings.TrimSpace(b.String()), maxSection, utf8.RuneCountInString, sectionCutNote)
	return beginMark + "\n" + text + "\n" + endMark, nil
}

// merge puts section into text: in the place of the section that is there,
// else at its end. An empty section changes nothing in the text.
func merge(text, section string) string {
	if section == "" {
		return text
	}
	before, after, found := cutSection(text)
	if !found {
		return join(text, section)
	}
	return before + section + after
}

// cut is merge for a text that is too long: as much of it as there is room for,
// up to a heading where that keeps at least half of it.
func cut(text, section, note string) string {
	before, after, found := cutSection(text)
	if section == "" {
		before, after, found = text, "", false
	}
	if found {
		text = join(before, after)
	}
	room := maxBody - utf8.RuneCountInString(section) - len("\n\n")
	return join(markdown.CutSection(text, room, utf8.RuneCountInString, note), section)
}

// cutSection cuts text around the first pair of marks. A mark without the other
// is no section, since nobody knows where it would end.
func cutSection(text string) (before, after string, found bool) {
	for from := 0; ; {
		n := strings.Index(text[from:], endMark)
		if n < 0 {
			return text, "", false
		}
		end := from + n
		if begin := strings.LastIndex(text[from:end], beginMark); begin >= 0 {
			return text[:from+begin], text[end+len(endMark):], true
		}
		from = end + len(endMark)
	}
}

// join puts a blank line between two texts.
func join(a, b string) string {
	a, b = strings.TrimRight(a, " \t\r\n"), strings.TrimLeft(b, "\r\n")
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}
