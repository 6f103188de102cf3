package markdown_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"github.com/org/release-actions/internal/markdown"
)

const note = "note: the rest is elsewhere"

// browser renders Markdown as GitHub does, and reads it as a browser does.
func browser(t *testing.T, text string) *html.Node {
	t.Helper()
	var page bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))
	if err := md.Convert([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// content returns the text of a node.
func content(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.ChildNodes() {
		b.WriteString(content(c))
	}
	return b.String()
}

// balanced checks a text that is cut: its note is the last paragraph of the page
// itself, and no cell of a table is cut.
func balanced(t *testing.T, text string) {
	t.Helper()
	root := browser(t, text)
	var last *html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "p" {
			last = n
		}
		if n.Type == html.ElementNode && n.Data == "td" && content(n) != "cell" {
			t.Errorf("a cell is %q in:\n%s", content(n), text)
		}
		if n.Type == html.CommentNode && !strings.HasSuffix(n.Data, " end ") {
			t.Errorf("a comment is %q in:\n%s", n.Data, text)
		}
	}
	if last == nil || content(last) != note || last.Parent.Data != "body" {
		t.Errorf("the note isn't a paragraph of its own in:\n%s", text)
	}
}

// document makes well-formed blocks by chance.
func document(r *rand.Rand, depth int) string {
	words := func() string { return strings.TrimSpace(strings.Repeat("word ", 1+r.IntN(30))) }
	indent := func(prefix, rest, text string) string {
		return prefix + strings.ReplaceAll(text, "\n", "\n"+rest)
	}
	var blocks []string
	for range 1 + r.IntN(5) {
		fence := []string{"```", "~~~", "````"}[r.IntN(3)]
		code := fence + "go\nfunc main() { // <details> | <!-- |\n\n# " + words() + "\n}\n" + fence
		block := []string{
			words(), words() + "\n" + words(), "# " + words(), code,
			"| head | head |\n|---|:-:|\n" + strings.Repeat("| cell | cell |\n", r.IntN(6)),
			"<!-- " + words() + "\n\n" + words() + " end -->",
			words() + " `<details>` and \\<b> and <b>" + words() + "</b> <br> <img src=\"a>b\"> a < b",
			indent("- ", "  ", code) + "\n- " + words(),
			indent("> ", "> ", code) + "\n> " + words(),
			"<table><tr><td>cell</td></tr>\n<tr><td>cell</td></tr></table>",
		}[r.IntN(10)]
		if depth > 0 && r.IntN(4) == 0 {
			block = "<details open>\n<summary>" + words() + "</summary>\n\n" + document(r, depth-1) + "\n\n</details>"
		}
		blocks = append(blocks, block)
	}
	return strings.Join(blocks, "\n\n")
}

// TestWhatIsCutRendersBalanced cuts documents at many lengths.
func TestWhatIsCutRendersBalanced(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			text := document(rand.New(rand.NewPCG(seed, 0)), 2)
			before := ""
			for max := len(note) + int(seed%3); max < len(text) && !t.Failed(); max += 3 {
				for _, cut := range []string{markdown.Cut(text, max, lenBytes, note), markdown.CutSection(text, max, lenBytes, note)} {
					if len(cut) > max || !strings.HasSuffix(cut, note) {
						t.Errorf("at %d: %q", max, cut)
					}
					if cut != before {
						balanced(t, cut)
					}
					before = cut
				}
			}
		})
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for _, test := range []struct {
		name, in, want string
		max            int
	}{
		{"fits", "short", "short", 5},
		{"paragraph", "one is long enough\n\ntwo two two two", "one is long enough\n\n[more]", 30},
		{"line", "one is long enough\ntwo two two two", "one is long enough\n\n[more]", 30},
		{"lines of Windows", "one is long enough\r\n\r\ntwo two two two", "one is long enough\n\n[more]", 30},
		{"character", strings.Repeat("é", 20), strings.Repeat("é", 11) + "\n\n[more]", 31},
		{"code block", "```\n" + long, "```\n" + long[:24] + "\n```\n\n[more]", 40},
		{"indented code block", "  ```\n  " + long, "  ```\n  " + long[:18] + "\n  ```\n\n[more]", 40},
		{"before a code block", "one is long enough\n\n```\na\n```\n", "one is long enough\n\n[more]", 28},
		{"comment", "one\n<!-- " + long + " -->\n\nmore", "one\n\n[more]", 50},
		{"comment without an end", "one\n<!-- " + long, "one\n\n[more]", 50},
		{"row", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | " + long, "| a | b |\n|---|---|\n| 1 | 2 |\n\n[more]", 60},
		{"details", "<details>\n\n" + long + "\n</details>", "<details>\n\n" + long[:24] + "\n\n</details>\n\n[more]", 55},
		{"before details", "one is long enough\n\n<details>\n\n" + long + "\n</details>", "one is long enough\n\n[more]", 42},
		{"note alone", "much too long", "[mo", 3},
	} {
		if got := markdown.Cut(test.in, test.max, lenBytes, "[more]"); got != test.want {
			t.Errorf("%s: Cut = %q, want %q", test.name, got, test.want)
		}
	}
	text := "one is long enough\n\n# two\n\ntwo\n\n```sh\n# no heading\n```\n\nthree three"
	if got, want := markdown.CutSection(text, 36, lenBytes, "[more]"), "one is long enough\n\n[more]"; got != want {
		t.Errorf("CutSection = %q, want %q", got, want)
	}
}

func FuzzCut(f *testing.F) {
	f.Add("```\na\n\nb `c", 9)
	f.Add("é\n\né", 4)
	f.Add("<details>\n<!-- a -->\n| a |\n|-|\n| b |\n</details>", 30)
	f.Fuzz(func(t *testing.T, text string, max int) {
		if max < 0 || max > 1<<12 || !utf8.ValidString(text) {
			return
		}
		got := markdown.Cut(text, max, lenBytes, "[more]")
		if len(got) > max || !utf8.ValidString(got) {
			t.Errorf("Cut(%q, %d) = %q", text, max, got)
		}
		if again := markdown.Cut(got, max, lenBytes, "[more]"); again != got {
			t.Errorf("cut again: %q, want %q", again, got)
		}
		if masked := markdown.MaskCode(text); len(masked) != len(text) {
			t.Errorf("MaskCode(%q) = %q", text, masked)
		}
	})
}
