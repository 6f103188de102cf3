package notes

import (
	"regexp"
	"strings"
)

// command returns a command for a POSIX shell, a line for each part.
func command(parts []string) string { return strings.Join(parts, " \\\n  ") }

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote returns a word of a POSIX shell. Names of branches and tags may have
// almost any character.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
