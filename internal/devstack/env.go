package devstack

import (
	"fmt"
	"os"
	"strings"
)

// variable is one variable of the env file.
type variable struct{ name, value string }

// formatEnv writes variables as lines that a POSIX shell can source. The tools
// of the folder bin go in front of the shell's own PATH.
func formatEnv(vars []variable, bin string) (string, error) {
	var text strings.Builder
	for _, v := range append(vars, variable{"DEVSTACK_BIN", bin}) {
		if strings.ContainsAny(v.value, "\n\x00") {
			return "", fmt.Errorf("variable %s: a value on several lines has no place in an env file", v.name)
		}
		fmt.Fprintf(&text, "export %s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
	}
	text.WriteString(`export PATH="$DEVSTACK_BIN:$PATH"` + "\n")
	return text.String(), nil
}

func writeEnv(path string, vars []variable, bin string) error {
	text, err := formatEnv(vars, bin)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
