package notes_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/notes"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares got with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update writes it anew:\n%s", path, got)
	}
}

var sections = []string{"pull", "platforms", "verify", "sbom", "scan", "changes"}

func digest(c string) image.Digest { return image.Digest("sha256:" + strings.Repeat(c, 64)) }

// released is a release with everything that a page can tell.
func released(t *testing.T) notes.Release {
	t.Helper()
	r := notes.Release{Repository: "octocat/hello", Tag: "v1.2.3", Downloads: "https://github.com/octocat/hello/releases/download/v1.2.3", Digest: digest("a")}
	for name, tags := range map[string][]string{"ghcr.io/octocat/hello": {"latest", "1.2.3", "1.2"}, "docker.io/octo/hello": {"1.2.3"}} {
		pinned, err := image.ParsePinned(name + "@" + string(r.Digest))
		if err != nil {
			t.Fatal(err)
		}
		if r.Images = append(r.Images, notes.Image{Pinned: pinned, Tags: tags}); name == "ghcr.io/octocat/hello" {
			r.Images[0], r.Images[len(r.Images)-1] = r.Images[len(r.Images)-1], r.Images[0]
		}
	}
	r.Signer = &notes.Signer{
		Identity: "https://github.com/octocat/hello/.github/workflows/release.yml@refs/tags/v1.2.3", Issuer: "https://token.actions.githubusercontent.com",
		Kinds: []string{notes.Signature, notes.SPDX, notes.CycloneDX, notes.Provenance},
	}
	subjects := []notes.Subject{{Name: "index", Digest: r.Digest}}
	for n, p := range []image.Platform{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm", Variant: "v7"}} {
		d := digest(fmt.Sprint(n))
		r.Platforms = append(r.Platforms, notes.Platform{
			Platform: p, Digest: d, Size: 3_456_789 + int64(n)*100_000, SPDX: "sbom-" + p.Slug() + ".spdx.json", CycloneDX: "sbom-" + p.Slug() + ".cdx.json",
			Packages: map[string]int{"apk": 14 + n, "golang": 3}, Findings: map[string]int{"HIGH": n, "LOW": 2},
		})
		subjects = append(subjects, notes.Subject{Name: p.String(), Digest: d})
	}
	entry := int64(90_000_000)
	for n := range subjects {
		for _, kind := range r.Signer.Kinds {
			entry++
			subjects[n].Evidence = append(subjects[n].Evidence, notes.Evidence{
				Kind: kind, File: subjects[n].Digest.Hex()[:4] + "." + kind + ".sigstore.json", LogIndex: entry, Log: fmt.Sprintf("https://search.sigstore.dev/?logIndex=%d", entry),
			})
		}
	}
	r.Signer.Subjects = subjects
	r.Changes = &notes.Changes{
		Since: r.Images[0].Pinned.Repository.Pin(digest("b")), Tag: "1.2.2", AddedPlatforms: []string{"linux/arm/v7"}, File: "sbom-changes.json",
		Sizes: []notes.Size{{Platform: r.Platforms[0].Platform, Before: 3_000_000, Now: 3_456_789}},
		Packages: []notes.Package{
			{Name: "musl", Ecosystem: "apk", From: []string{"1.2.5-r0"}, To: []string{"1.2.5-r1"}},
			{Name: "github.com/acme/new", Ecosystem: "golang", To: []string{"v1.0.0"}, Platforms: []string{"linux/amd64"}},
			{Name: "zlib", Ecosystem: "apk", From: []string{"1.3", "1.4"}},
		},
	}
	return r
}

func render(t *testing.T, text string, sections []string, r notes.Release) string {
	t.Helper()
	template, err := notes.Parse("own.tmpl", text, sections)
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(r, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestThePage(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*notes.Release){
		"full": func(r *notes.Release) { r.Signer.AtGitHub = true },
		"reusable": func(r *notes.Release) {
			r.Signer.Identity, r.Signer.Repository = "https://github.com/octocat/shared/.github/workflows/release.yml@refs/heads/main", "octocat/hello"
		},
		"private": func(r *notes.Release) {
			r.Signer.TrustedRoot, r.Signer.AtGitHub, r.Signer.Issuer, r.Changes = "trusted root.json", true, "https://issuer.example", nil
			for _, s := range r.Signer.Subjects {
				for n := range s.Evidence {
					s.Evidence[n].Log = ""
				}
			}
		},
		"github": func(r *notes.Release) { r.Signer.GitHub = true },
		"key": func(r *notes.Release) {
			r.Signer.Identity, r.Signer.Issuer, r.Signer.Key = "", "", strings.Repeat("0", 64)
			r.Signer.Kinds = append(r.Signer.Kinds, notes.Report, "https://example.com/review/v1")
		},
		"timestamps": func(r *notes.Release) { r.Signer.Timestamps, r.Signer.Kinds = true, []string{notes.Signature} },
		"nothing": func(r *notes.Release) {
			*r = notes.Release{Images: []notes.Image{{Pinned: r.Images[0].Pinned}}, Platforms: []notes.Platform{{Platform: r.Platforms[0].Platform, Digest: r.Digest}}}
		},
		"same": func(r *notes.Release) {
			r.Signer, r.Changes.Packages, r.Changes.Tag, r.Changes.RemovedPlatforms = nil, nil, "", []string{"linux/s390x"}
			r.Changes.Sizes[0].Before = r.Changes.Sizes[0].Now
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := released(t)
			change(&r)
			got := render(t, "", sections, r)
			golden(t, "testdata/"+name+".md", got+"\n")
			isMarkdown(t, got)
		})
	}
}

// asHTML is a page as goldmark reads it, and GitHub too.
func asHTML(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := markdown.Convert([]byte(page), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// isMarkdown sees to it that no row is left of a table, and no fence of code, and
// that what is opened is closed.
func isMarkdown(t *testing.T, page string) {
	t.Helper()
	got := asHTML(t, page)
	for what, want := range map[string]int{
		"<table>": strings.Count(page, "\n|---|"), "<pre>": strings.Count(page, "```sh\n"), "</details>": strings.Count(got, "<details>"),
		"```": 0, "<p>|": 0, "|---": 0, "{{": 0,
	} {
		if n := strings.Count(got, what); n != want {
			t.Errorf("it has %q %d times, want %d:\n%s", what, n, want, got)
		}
	}
}

func TestSectionsAreChosenAndOrdered(t *testing.T) {
	t.Parallel()
	r := released(t)
	got := render(t, "", []string{"scan", "pull"}, r)
	scan, pull := strings.Index(got, "### Known vulnerabilities"), strings.Index(got, "docker pull")
	if scan < 0 || pull < scan || strings.Contains(got, "### Verify") {
		t.Errorf("got\n%s", got)
	}
}

func TestAnOwnTemplate(t *testing.T) {
	t.Parallel()
	r := released(t)
	for name, test := range map[string]struct {
		text     string
		sections []string
		want     string
	}{
		"the whole":         {"Pull {{range .Images}}{{.Ref}} {{end}}of {{.Tag}}.\n", sections, "Pull ghcr.io/octocat/hello:1.2.3 docker.io/octo/hello:1.2.3 of v1.2.3."},
		"a part of ours":    {"# Mine\n\n{{template \"scan\" .}}", nil, "# Mine\n\n" + render(t, `{{define "heading"}}{{""}}{{end}}`, []string{"scan"}, r)},
		"another part":      {`{{define "pull"}}docker pull {{(index .Images 0).Ref}}{{end}}`, []string{"pull"}, "## Container image\n\ndocker pull ghcr.io/octocat/hello:1.2.3"},
		"a further part":    {"{{/* ours */}}\n{{define \"support\"}}Ask {{.Repository}}.{{end}}\n", []string{"support"}, "## Container image\n\nAsk octocat/hello."},
		"with functions":    {"{{code \"a|b\"}} {{size 1500000}} {{title \"cdx\"}} {{lower \"A\"}} {{list .Ecosystems}}", nil, "<code>a&#124;b</code> 1.5 MB CycloneDX a `apk`, `golang`"},
		"with our commands": {"{{.Verify}}", nil, r.Verify()},
	} {
		if got := render(t, test.text, test.sections, r); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// TestABadTemplateIsOneClearError wants the file, the line and what is wrong there.
func TestABadTemplateIsOneClearError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\n{{.Tag": `input "template": own.tmpl:2: unclosed action`,
		"{{range .Images}}\n{{end}}\n{{if}}{{end}}": `input "template": own.tmpl:3: missing value for if`,
		"\n{{shout .Tag}}":                          `input "template": own.tmpl:2: function "shout" not defined`,
		"\n\n{{.Version}}":                          `input "template": own.tmpl:3:2: executing "own.tmpl" at <.Version>: can't evaluate field Version in type notes.Release`,
		"{{template \"missing\" .}}":                `input "template": own.tmpl:1:11: executing "own.tmpl" at <{{template "missing" .}}>: template "missing" not defined`,
		"{{(index .Images 7).Ref}}":                 `input "template": own.tmpl:1:3: executing "own.tmpl" at <index .Images 7>: error calling index: index out of range: 7`,
		`{{define "x"}}{{.Y}}{{end}}`:               `input "sections": there is no section "y"`,
	} {
		wanted := sections
		if strings.HasPrefix(text, "{{define") {
			wanted = []string{"x", "y"}
		}
		template, err := notes.Parse("own.tmpl", text, wanted)
		if err == nil {
			_, err = template.Render(released(t), 1000)
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") || len(hint.Of(err)) != 1 {
			t.Errorf("%q: got %v, hints %q, want %s", text, err, hint.Of(err), want)
		}
	}
	_, err := notes.Parse("", "", []string{"pulls"})
	if hints := hint.Of(err); len(hints) != 1 || hints[0] != "choose from changes, platforms, pull, sbom, scan, verify, or define it in a template of yours" {
		t.Errorf("got %v, hints %q", err, hints)
	}
}

// TestForeignTextIsNotMarkdown has names and versions that would end a cell or a
// comment, or be a picture.
func TestForeignTextIsNotMarkdown(t *testing.T) {
	t.Parallel()
	const evil = "a|b ![x](https://evil.example/x.png) <img src=x> `c` -->\n# d"
	r := released(t)
	r.Platforms[0].Packages[evil] = 1
	r.Changes.Tag = evil
	r.Changes.Packages = []notes.Package{{Name: evil, Ecosystem: evil, From: []string{evil}, To: []string{evil}, Platforms: []string{evil}}}
	r.Changes.AddedPlatforms = []string{evil}
	r.Signer.Subjects[0].Evidence = append(r.Signer.Subjects[0].Evidence, notes.Evidence{Kind: evil, File: "x.sigstore.json"})
	r.Signer.Identity = "https://github.com/octocat/hello/.github/workflows/a`b|c.yml@refs/tags/v1"
	got := render(t, "", []string{"sbom", "changes", "verify"}, r)
	outside := ""
	for n, part := range strings.Split(got, "```") { // commands are quoted for the shell
		if n%2 == 0 {
			outside += part
		}
	}
	for _, bad := range []string{"![", "<img", "-->", "\n# d", "a|b", "a`b"} {
		if strings.Contains(outside, bad) {
			t.Errorf("%q is in the section:\n%s", bad, outside)
		}
	}
}

// FuzzForeignText has any text for a package's name and versions: the page has
// the same elements with it as with a harmless one.
func FuzzForeignText(f *testing.F) {
	for _, s := range []string{"", "musl", "a|b", "`", "<!--", "</details>", "\n", "\r\n\r\n", "\u2028", "![x](y)", "\\", "~~~", "{{.Tag}}", "```", "https://example.com", "@octocat"} {
		f.Add(s)
	}
	elements := func(t *testing.T, text string) map[string]int {
		t.Helper()
		r := released(t)
		r.Platforms[0].Packages = map[string]int{text: 1}
		r.Changes.Tag, r.Changes.AddedPlatforms = text, []string{text}
		r.Changes.Packages = []notes.Package{{Name: text, Ecosystem: text, From: []string{text}, To: []string{text, text}}}
		count := map[string]int{}
		for _, m := range regexp.MustCompile(`</?[a-z0-9]+|<!--`).FindAllString(asHTML(t, render(t, "", []string{"sbom", "changes"}, r)), -1) {
			if m != "<code" && m != "</code" && m != "<br" { // there is none of them of an empty text, and more of one with several lines
				count[m]++
			}
		}
		return count
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := elements(t, text), elements(t, "harmless"); !maps.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", text, got, want)
		}
	})
}

func TestALongSectionIsCut(t *testing.T) {
	t.Parallel()
	r := released(t)
	for n := range 60 {
		r.Changes.Packages = append(r.Changes.Packages, notes.Package{Name: fmt.Sprint("package", n), Ecosystem: "npm", To: []string{"1"}})
	}
	got := render(t, "", []string{"changes"}, r)
	if want := "And 13 more: [sbom-changes.json](https://github.com/octocat/hello/releases/download/v1.2.3/sbom-changes.json)."; !strings.HasSuffix(got, want) {
		t.Errorf("it doesn't end with %q:\n%s", want, got)
	}
	r.Images[0].Tags = make([]string, 50_000)
	template, err := notes.Parse("", "", sections)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = template.Render(r, 100_000); err != nil || utf8.RuneCountInString(got) > 100_000 || !strings.HasSuffix(got, "there is no room for more.*") {
		t.Errorf("%d characters, %v", utf8.RuneCountInString(got), err)
	}
}
