package metadata

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/metadata/ecmascript"
)

// matchTimeout bounds one match: the dialect has back references, and with
// them patterns that take for ever.
const matchTimeout = 2 * time.Second

var delimited = regexp.MustCompile(`^/(.+)/(.*)$`)

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
func matchText(pattern, flags, text string) (groups, error) {
	re, err := ecmascript.Compile(pattern, flags)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("bad regular expression %q: %w", pattern, err), "write it as JavaScript takes it, and the whole attribute in quotes where it has a comma, as in \"pattern=\\d{1,3}\"")
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
