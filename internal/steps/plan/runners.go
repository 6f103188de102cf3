package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Runners say which runner builds a platform: one label for all, or a line for
// each kind, "default=ubuntu-24.04" and "linux/arm64=ubuntu-24.04-arm". What
// stands before the equals sign is the start of a platform, in whole parts:
// linux/arm is no start of linux/arm64. The longest one decides, and the last of
// equal ones.
//
// The syntax is that of docker/github-builder's input runner. Beyond it, labels
// that a runner must all have are separated by commas: "self-hosted,arm64".
type Runners struct {
	fallback runner
	rules    []rule
}

type rule struct {
	prefix []string // parts of a platform
	runner runner
}

// UnmarshalText parses the lines.
func (r *Runners) UnmarshalText(text []byte) error {
	const mend = "write a label, as in \"ubuntu-24.04\", or a line for each kind, as in \"default=ubuntu-24.04\" and \"linux/arm64=ubuntu-24.04-arm\""
	parsed := Runners{}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 1 && !strings.Contains(lines[0], "=") {
		lines[0] = "default=" + lines[0]
	}
	for _, line := range lines {
		platform, labels, ok := strings.Cut(line, "=")
		if !ok {
			return hint.Wrap(fmt.Errorf("%q has no \"=\"", line), mend)
		}
		on, err := parseRunner(labels)
		if err != nil {
			return hint.Wrap(fmt.Errorf("%q %w", line, err), mend)
		}
		if platform = strings.TrimSpace(platform); platform == "default" {
			parsed.fallback = on
			continue
		}
		prefix := strings.Split(strings.ToLower(platform), "/")
		for _, part := range prefix {
			if part == "" || strings.ContainsAny(part, " \t,") {
				return hint.Wrap(fmt.Errorf("%q: %q is not the start of a platform", line, platform), mend)
			}
		}
		parsed.rules = append(parsed.rules, rule{prefix, on})
	}
	if len(lines) > 0 && parsed.fallback == nil {
		return hint.New("no line says which runner builds all other platforms", "add a line \"default=ubuntu-24.04\"")
	}
	*r = parsed
	return nil
}

// of returns the runner for a platform.
func (r Runners) of(p image.Platform) runner {
	parts := strings.Split(p.String(), "/")
	found, length := r.fallback, 0
	for _, rule := range r.rules {
		if n := len(rule.prefix); n >= length && n <= len(parts) && strings.Join(parts[:n], "/") == strings.Join(rule.prefix, "/") {
			found, length = rule.runner, n
		}
	}
	return found
}

// runner is the labels of a runner.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idruns-on
type runner []string

func parseRunner(text string) (runner, error) {
	var labels runner
	for label := range strings.SplitSeq(text, ",") {
		label = strings.TrimSpace(label)
		if label == "" || strings.ContainsAny(label, "[]\"'{}") {
			return nil, errors.New("names no runner")
		}
		labels = append(labels, label)
	}
	return labels, nil
}

// MarshalJSON returns a string for one label, and a list for several, as runs-on
// takes either.
func (r runner) MarshalJSON() ([]byte, error) {
	if len(r) == 1 {
		return json.Marshal(r[0])
	}
	return json.Marshal([]string(r))
}

// Matrix is a job for each platform.
type Matrix []Job

// Job builds one platform.
type Job struct {
	Index    int            `json:"index"` // from 0
	Name     string         `json:"name"`  // "linux-arm-v7"
	Platform image.Platform `json:"platform"`
	Runner   runner         `json:"runner"`
}

// MarshalText returns the jobs as strategy.matrix takes them, in JSON.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrixinclude
func (m Matrix) MarshalText() ([]byte, error) {
	return json.Marshal(map[string][]Job{"include": m})
}

// matrix returns a job for each platform, each once.
func (r Runners) matrix(platforms []image.Platform) Matrix {
	m := Matrix{}
	seen := map[image.Platform]bool{}
	for _, p := range platforms {
		if !seen[p] {
			seen[p] = true
			m = append(m, Job{Index: len(m), Name: p.Slug(), Platform: p, Runner: r.of(p)})
		}
	}
	return m
}
