package dockerhubreadme

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestRegions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, want string }{
		"none":           {"a\nb\n", "a\nb\n"},
		"shown":          {"a\n<!-- #region hub -->\nb\n<!-- #endregion -->\nc\n", "b\n"},
		"two are apart":  {"<!-- #region hub -->\na\n<!-- #endregion -->\nx\n<!-- #region hub -->\nb\n<!-- #endregion -->", "a\n\nb\n"},
		"left out":       {"a\n<!-- #region !hub -->\nb\n<!-- #endregion -->\nc\n", "a\nc\n"},
		"both":           {"<!-- #region hub -->\na\n<!-- #region !hub -->\nb\n<!-- #endregion !hub -->\nc\n<!-- #endregion hub -->\nd", "a\nc\n"},
		"another's":      {"a\n<!-- #region badges -->\nb\n<!-- #endregion -->\n", "a\n<!-- #region badges -->\nb\n<!-- #endregion -->\n"},
		"another's in":   {"<!-- #region hub -->\n<!-- #region x -->\na\n<!-- #endregion -->\nb\n<!-- #endregion -->\nc", "<!-- #region x -->\na\n<!-- #endregion -->\nb\n"},
		"another's open": {"<!-- #region x -->\na\n", "<!-- #region x -->\na\n"},
		"stray end":      {"a\n<!-- #endregion -->\nb\n", "a\n<!-- #endregion -->\nb\n"},
		"code":           {"```\n<!-- #region hub -->\n```\na\n", "```\n<!-- #region hub -->\n```\na\n"},
		"Windows":        {"a\r\n<!--#region hub-->\r\nb\r\n<!--#endregion-->\r\n", "b\r\n"},
		"no line":        {"a <!-- #region hub --> b", "a <!-- #region hub --> b"},
		"empty":          {"<!-- #region hub -->\n<!-- #endregion -->\na", ""},
	} {
		if got, err := region(test.in, "hub"); err != nil || got != test.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
	for _, in := range []string{"a\n\n<!-- #region hub -->\nb\n", "a\n\n<!-- #region !hub -->\n<!-- #region x -->\n<!-- #endregion -->\n"} {
		if _, err := region(in, "hub"); err == nil || !strings.Contains(err.Error(), "begins in line 3, has no end") || len(hint.Of(err)) == 0 {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzRegion(f *testing.F) {
	for _, s := range []string{"a\n<!-- #region hub -->\nb\n<!-- #endregion -->\nc\n", "<!-- #region !hub -->\n", "```\n<!-- #region hub -->"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := region(text, "hub")
		if err != nil {
			return
		}
		if !strings.Contains(text, "region") && got != text {
			t.Errorf("region(%q) = %q", text, got)
		}
		// What is left has nothing more to take out, apart from an empty line
		// between two regions and what lies in code that has no end now.
		if len(got) > len(text) {
			t.Errorf("region(%q) = %q is longer", text, got)
		}
	})
}
