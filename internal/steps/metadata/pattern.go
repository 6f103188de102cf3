package metadata

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/org/release-actions/internal/hint"
)

// matchTimeout bounds one match: the dialect has back references, and with
// them patterns that take for ever.
const matchTimeout = 2 * time.Second

var (
	delimited = regexp.MustCompile(`(?s)^/(.+)/(.*)$`)
	// An escape, a class, or the start of a named group.
	namedGroup = regexp.MustCompile(`\\.|\[(?:\\.|[^\]\\])*\]|\(\?<[^=!>][^>]*>`)
)

// unnamed makes plain groups of named ones, since the library would number
// them behind all others.
func unnamed(pattern string) string {
	if strings.Contains(pattern, `\k<`) {
		return pattern
	}
	return namedGroup.ReplaceAllStringFunc(pattern, func(part string) string {
		if strings.HasPrefix(part, "(?<") {
			return "("
		}
		return part
	})
}

// groups are what a pattern matched: the whole, then each group; a group that
// took no part is nil.
type groups []*string

// at returns the group with the given number.
func (g groups) at(number string) (string, bool) {
	i, err := strconv.Atoi(number)
	if err != nil || strconv.Itoa(i) != number || i < 0 || i >= len(g) || g[i] == nil {
		return "", false
	}
	return *g[i], true
}

// matchPattern matches a pattern attribute: a regular expression, or one with
// flags between slashes, "/…/i".
func matchPattern(pattern, text string) (groups, error) {
	if m := delimited.FindStringSubmatch(pattern); m != nil {
		return matchText(m[1], m[2], text)
	}
	return matchText(pattern, "", text)
}

// matchText matches a regular expression in the dialect of the runner's
// language, and returns nil where it doesn't match. With the flag g the result
// lists all matches instead of the groups of the first.
//
// https://tc39.es/ecma262/#sec-patterns
func matchText(pattern, flags, text string) (groups, error) {
	options := regexp2.RegexOptions(regexp2.ECMAScript)
	for i, flag := range flags {
		switch {
		case strings.ContainsRune(flags[:i], flag), !strings.ContainsRune("dgimsuvy", flag):
			return nil, hint.Wrap(fmt.Errorf("regular expression %q has the flags %q", pattern, flags), "the flags are d, g, i, m, s, u, v and y, each at most once")
		case flag == 'i':
			options |= regexp2.IgnoreCase
		case flag == 'm':
			options |= regexp2.Multiline
		case flag == 's':
			options |= regexp2.Singleline
		case flag == 'u', flag == 'v':
			options |= regexp2.Unicode
		}
	}
	re, err := regexp2.Compile(unnamed(pattern), options)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("bad regular expression: %w", err), "write it as JavaScript takes it; a comma can't be in it, since it ends the attribute")
	}
	re.MatchTimeout = matchTimeout
	m, err := re.FindStringMatch(text)
	if err == nil && m != nil && strings.Contains(flags, "y") && m.Index != 0 {
		m = nil
	}
	if err != nil || m == nil {
		return nil, err
	}
	if !strings.Contains(flags, "g") {
		return matchGroups(m), nil
	}
	var all groups
	for m != nil && err == nil {
		whole := m.String()
		all = append(all, &whole)
		m, err = re.FindNextMatch(m)
	}
	return all, err
}

func matchGroups(m *regexp2.Match) groups {
	var all groups
	for _, group := range m.Groups() {
		if len(group.Captures) == 0 {
			all = append(all, nil)
			continue
		}
		text := group.String()
		all = append(all, &text)
	}
	return all
}
