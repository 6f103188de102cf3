package notes

import (
	"os/exec"
	"testing"
)

func TestQuotedWordsSurviveAShell(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"https://github.com/o/r/.github/workflows/x.yml@refs/tags/v1", "", "it's", `a"b$HOME`, "`id`", "a;b&c|d>e", "*?[x]", "~", `back\slash`, "größe", "-n",
	} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("quote(%q) = %s is %q for a shell: %v", word, quote(word), out, err)
		}
	}
}
