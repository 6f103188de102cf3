package progress

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain\ttext":                           "plain\ttext",
		"10%\r50%\r100%":                        "100%",
		"windows\r":                             "windows",
		"\x1b[32mgreen\x1b[0m text":             "\x1b[32mgreen\x1b[0m text",
		"\x1b[1;31mopen":                        "\x1b[1;31mopen\x1b[0m",
		"\x1b[2K\x1b[1Gmoved\x1b[?25l":          "moved",
		"\x1b]0;title\x07after\x1b]8;;u\x1b\\.": "after.",
		"bell\a back\b nul\x00":                 "bell back nul",
		"bad \xff\xfe":                          "bad \uFFFD",
		"bad \xff then \xfe":                    "bad \uFFFD then \uFFFD",
		"half \x1b[3":                           "half [3",
		"élan – ✓":                              "élan – ✓",
	} {
		if got := clean([]byte(in)); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := clean(bytes.Repeat([]byte("é"), maxText)); len(got) > maxText+8 || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestTitles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"[linux/amd64->arm64 build 3/5] RUN make":    "linux/arm64|build|3/5|RUN make",
		"[linux/amd64->arm/v7 build  3/15] RUN make": "linux/arm/v7|build|3/15|RUN make",
		"[linux/arm64->windows/amd64 1/2] RUN make":  "windows/amd64||1/2|RUN make",
		"[linux/amd64 internal] load metadata for x": "linux/amd64|internal||load metadata for x",
		"[linux/arm64] generating sbom using x":      "linux/arm64|||generating sbom using x",
		"[stage-1 3/3] RUN [\"/hello\"]":             "/|stage-1|3/3|RUN [\"/hello\"]",
		"[2/2] RUN x":                                "/||2/2|RUN x",
		"[internal] load x":                          "/|internal||load x",
		"exporting to image":                         "/|||exporting to image",
		"[auth] a/b:pull token":                      "/|auth||a/b:pull token",
		"[linux/amd64->] RUN x":                      "/|linux/amd64->||RUN x",
		"[]":                                         "/|||",
	} {
		got := parseTitle(name)
		if text := strings.Join([]string{got.platform.String(), got.stage, got.place, got.instruction}, "|"); text != want {
			t.Errorf("%q is %q, want %q", name, text, want)
		}
	}
}
