package buildpush

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/buildpush/progress"
)

// explain returns the failure of a build: what failed and why, and the mend
// where the cause is a frequent one.
func explain(err error, f progress.Failure) error {
	f.Cause = cmp.Or(f.Cause, err.Error())
	err = fmt.Errorf("build: %s", f)
	said := f.String() + "\n" + f.Error
	for _, m := range mends {
		if m.cause.MatchString(said) {
			return hint.Wrap(err, "%s", m.mend)
		}
	}
	return err
}

// refuse returns the answer of a call, such as check, that doesn't pass.
func refuse(call string, err error, answer string) error {
	return hint.Wrap(fmt.Errorf("call %q: %w\n%s", call, err, strings.TrimSpace(answer)),
		"correct the Dockerfile; \"# check=skip=NAME\" on its first line leaves out a check")
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
	{regexp.MustCompile(`invalid progress mode`),
		`this buildx is too old to report progress as JSON: install a newer one`},
	{regexp.MustCompile(`failed to calculate checksum of ref .*: not found`),
		`the file must be in the context: see its path, what is checked out, and .dockerignore`},
	{regexp.MustCompile(`secret \S+: not found`),
		`give the build this secret in "secrets", "secret-envs" or "secret-files"`},
	{regexp.MustCompile(`failed to push .*(unknown: |: 5\d\d )`),
		`the registry failed, and several attempts with it: run this again, and only what it lacks is pushed`},
	{regexp.MustCompile(`(?i)no space left on device`),
		`free disk space before this step, or build on a larger runner`},
}
