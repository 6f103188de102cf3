package markdown_test

import (
	"testing"
	"unicode/utf8"

	"github.com/org/release-actions/internal/markdown"
)

func TestCodeIsNeverReadAsMarkdown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                    "",
		" ":                   "",
		"ghcr.io/a/b:1":       "`ghcr.io/a/b:1`",
		"*a* [b](c) <img>":    "`*a* [b](c) <img>`",
		"a|b":                 "<code>a&#124;b</code>",
		"`<b>` [x](y)\r\n*z*": "<code>&#96;&#60;b&#62;&#96; &#91;x&#93;&#40;y&#41;<br>&#42;z&#42;</code>",
		"é\\":                 "<code>é&#92;</code>",
	} {
		if got := markdown.Code(in); got != want {
			t.Errorf("Code(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMaskCode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a `b` c":                  "a xxx c",
		"``a ` b`` c":              "xxxxxxxxx c",
		"a ` b\n\nc ` d":           "a ` b\n\nc ` d",
		"a \\` b ` c":              "a \\` b ` c",
		"`never closed":            "`never closed",
		"```\n[a](b)\n```\nc":      "xxx\nxxxxxx\nxxx\nc",
		"~~~~ go\na\n~~~\nb\n~~~~": "xxxxxxx\nx\nxxx\nx\nxxxx",
		"- ```\n  a\n  ```\nb":     "xxxxx\nxxx\nxxxxx\nb",
		"> ```\n> a\n> ```\nb":     "xxxxx\nxxx\nxxxxx\nb",
		"```\r\na\r\n```\r\nb":     "xxx\r\nx\r\nxxx\r\nb",
		"```go```\n[a](b)":         "xxxxxxxx\n[a](b)",
		"```\nno end":              "xxx\nxxxxxx",
		"\\":                       "\\",
		"":                         "",
	} {
		if got := markdown.MaskCode(in); got != want {
			t.Errorf("MaskCode(%q) = %q, want %q", in, got, want)
		}
	}
}

func lenBytes(s string) int { return len(s) }

func TestPrefixEndsAtACharacter(t *testing.T) {
	t.Parallel()
	if got := markdown.Prefix("aéé", 4, lenBytes); got != "aé" {
		t.Errorf("in bytes: %q", got)
	}
	if got := markdown.Prefix("aéé", 2, utf8.RuneCountInString); got != "aé" {
		t.Errorf("in characters: %q", got)
	}
}
