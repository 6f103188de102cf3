package dockerhubreadme

import (
	"testing"

	"github.com/org/release-actions/internal/job"
)

var here = origin{job.Job{ServerURL: "https://github.com/", Repository: "o/r", RefName: "v1", Workspace: "/repo"}}

func TestLinksAreCompleted(t *testing.T) {
	t.Parallel()
	const blob, raw = "https://github.com/o/r/blob/v1/", "https://github.com/o/r/raw/v1/"
	for in, want := range map[string]string{
		// Inline.
		"[a](/x.md)":              "[a](" + blob + "x.md)",
		"[a](</x y.md>)":          "[a](<" + blob + "x y.md>)",
		"[a]( x.md )":             "[a]( " + blob + "x.md )",
		"![a](<x y.png>)":         "![a](<" + raw + "x y.png>)",
		"[a](//cdn.example/x)":    "[a](//cdn.example/x)",
		"[![a](b.png)](#top)":     "[![a](" + raw + "b.png)](" + blob + "docs/HUB.md#top)",
		"[`cmd`](cmd.md)":         "[`cmd`](" + blob + "cmd.md)",
		"[größe](größe.md)":       "[größe](" + blob + "größe.md)",
		"[a](x.md) [b](y.md)":     "[a](" + blob + "x.md) [b](" + blob + "y.md)",
		"[a](https://x.y/z.md)":   "[a](https://x.y/z.md)",
		"[a](x.md 'https://x.y')": "[a](x.md 'https://x.y')",
		// Code.
		"`[a](x.md)` [a](x.md)":                    "`[a](x.md)` [a](" + blob + "x.md)",
		"```md\n[a](x.md)\n[b]: y.md\n```\n[a](z)": "```md\n[a](x.md)\n[b]: y.md\n```\n[a](" + blob + "z)",
		"`<a href=\"x.md\">`":                      "`<a href=\"x.md\">`",
		// References.
		"[a][b]\n\n[b]: x.md \"T\"\n": "[a][b]\n\n[b]: " + blob + "x.md \"T\"\n",
		"[b]: <x.png>\r\n":            "[b]: <" + raw + "x.png>\r\n",
		"[b]: #top":                   "[b]: " + blob + "docs/HUB.md#top",
		"[b]: /x.md":                  "[b]: " + blob + "x.md",
		"[b]: //host/x.md":            "[b]: //host/x.md",
		"[b]: https://x.y/":           "[b]: https://x.y/",
		"[^1]: word":                  "[^1]: word",
		"[b]: two words":              "[b]: two words",
		// HTML.
		`<a id="x" href="x.md">x</a>`:                   `<a id="x" href="` + blob + `x.md">x</a>`,
		`<a href='#top'>x</a>`:                          `<a href='` + blob + `docs/HUB.md#top'>x</a>`,
		`<p><img alt="a" src="x.svg" width="9"/></p>`:   `<p><img alt="a" src="` + raw + `x.svg" width="9"/></p>`,
		`<IMG SRC = "x.svg"><img src="//host/y.svg">`:   `<IMG SRC = "` + raw + `x.svg"><img src="//host/y.svg">`,
		`<link href="x.css"> <img data-src="x.svg">`:    `<link href="x.css"> <img data-src="x.svg">`,
		`<a href="https://x.y"><img src="x.svg"></a>`:   `<a href="https://x.y"><img src="` + raw + `x.svg"></a>`,
		`<a href="mailto:a@b.c">`:                       `<a href="mailto:a@b.c">`,
		`<a href="x.md"><img src="https://x.y/z"></a>`:  `<a href="` + blob + `x.md"><img src="https://x.y/z"></a>`,
		`text < a href="x.md"`:                          `text < a href="x.md"`,
		`<a class="b" title="href" href="x.md#y">z</a>`: `<a class="b" title="href" href="` + blob + `x.md#y">z</a>`,
	} {
		got := here.complete(in, "/repo/docs/../docs/HUB.md", Extensions{})
		if got != want {
			t.Errorf("complete(%q) = %q, want %q", in, got, want)
		}
		if again := here.complete(got, "docs/HUB.md", Extensions{}); again != got {
			t.Errorf("complete(%q) again = %q", got, again)
		}
	}
}

func FuzzComplete(f *testing.F) {
	for _, s := range []string{"[a](b)", "![](/a.png \"t\")", "[b]: <c>", "<a href=\"d\">", "`[a](b)`", "[![a](b)](c)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := here.complete(text, "README.md", Extensions{})
		// Only insertions: what was there is there, in its order.
		rest := got
		for _, b := range []byte(text) {
			i := 0
			for i < len(rest) && rest[i] != b {
				i++
			}
			if i == len(rest) {
				t.Fatalf("complete(%q) = %q lost text", text, got)
			}
			rest = rest[i+1:]
		}
	})
}
