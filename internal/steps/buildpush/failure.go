package buildpush

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

const (
	// maxTail bounds, in bytes, what is kept of a build's log.
	maxTail = 64 << 10
	// maxQuote bounds, in lines, what an error quotes of it.
	maxQuote = 40
)

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if len(t.text) > 2*maxTail {
		t.text = append(t.text[:0], t.text[len(t.text)-maxTail:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }

// explain returns the failure of a build: what buildx said of the step that
// failed, and the mend where the cause is a frequent one.
func explain(err error, log string) error {
	said := quote(log)
	err = fmt.Errorf("build: %w\n%s", err, said)
	for _, m := range mends {
		if m.cause.MatchString(said) {
			return hint.Wrap(err, "%s", m.mend)
		}
	}
	return err
}

// refuse returns the answer of a call, such as check, that doesn't pass.
func refuse(call string, err error, answer string) error {
	return hint.Wrap(fmt.Errorf("call %q: %w\n%s", call, err, last(strings.TrimSpace(answer), maxQuote)),
		"correct the Dockerfile; \"# check=skip=NAME\" on its first line leaves out a check")
}

// progressLine starts with the number of a step.
var progressLine = regexp.MustCompile(`(?m)^#\d+ .*$`)

// quote returns the part of a log that tells what failed: what follows the
// progress of the build. BuildKit ends it with the step that failed:
//
//	------
//	 > [linux/arm64 build 3/5] RUN make:
//	…its last lines, and its place in the Dockerfile…
//	ERROR: failed to solve: …
func quote(log string) string {
	log = strings.ReplaceAll(log, "\r\n", "\n")
	if progress := progressLine.FindAllStringIndex(log, -1); progress != nil {
		if end := progress[len(progress)-1][1]; strings.TrimSpace(log[end:]) != "" {
			log = log[end:]
		}
	}
	log = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(log), "------\n"))
	// Where it is too long, the head stays: it names the step.
	head, rest, more := strings.Cut(log, "\n")
	if !more {
		return log
	}
	return head + "\n" + last(rest, maxQuote)
}

func last(text string, n int) string {
	lines := strings.Split(text, "\n")
	if len(lines) <= n {
		return text
	}
	return "…\n" + strings.Join(lines[len(lines)-n:], "\n")
}

// mends are what to do about frequent causes, the more telling first.
var mends = []struct {
	cause *regexp.Regexp
	mend  string
}{
	{regexp.MustCompile(`is not supported for the \S+ driver`),
		`this builder can't do it: leave the input "builder" out, for one that is made for the run`},
	{regexp.MustCompile(`(?i)cannot connect to the docker daemon|failed to connect to the docker API`),
		`start Docker, or give a BuildKit that runs elsewhere: "driver: remote" with "endpoint"`},
	{regexp.MustCompile(`granting entitlement \S+ is not allowed`),
		`the builder must allow it, too: "buildkitd-flags: --allow-insecure-entitlement security.insecure"`},
	{regexp.MustCompile(`exec format error`),
		`a program of another platform was run: build on a native node, or cross-compile in a stage that says FROM --platform=$BUILDPLATFORM`},
	{regexp.MustCompile(`toomanyrequests|failed to .*429 Too Many Requests`),
		`log in to the registry that limits the rate: for Docker Hub with "dockerhub-username" and "dockerhub-token", else with "registry-auth"`},
	{regexp.MustCompile(`failed to push .*(401 Unauthorized|403 Forbidden|denied|insufficient_scope|authorization failed)`),
		`the login must be allowed to write there: "packages: write" under "permissions:" for ghcr.io, a token with Read & Write for Docker Hub`},
	{regexp.MustCompile(`failed to resolve .*(401 Unauthorized|403 Forbidden|denied|insufficient_scope|authorization failed)`),
		`log in to the registry of that image with "registry-auth"; for ghcr.io and Docker Hub see that the login may read it`},
	{regexp.MustCompile(`unable to prepare context`),
		`the input "context" names a directory, from the working directory; check out the repository before this step`},
	{regexp.MustCompile(`failed to read dockerfile`),
		`the input "file" names the Dockerfile, from the working directory; without it, it is the one in "context"`},
	{regexp.MustCompile(`target stage .* could not be found`),
		`the input "target" must name a stage of the Dockerfile: FROM … AS name`},
	{regexp.MustCompile(`unknown flag: `),
		`this buildx is too old for an input that is given: install a newer one`},
	{regexp.MustCompile(`(?i)no space left on device`),
		`free disk space before this step, or build on a larger runner`},
}
