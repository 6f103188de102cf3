package builder

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// maxQuote bounds, in lines, what an error quotes of buildx.
const maxQuote = 20

// failure is what buildx or docker said.
type failure struct {
	what string
	err  error
	said string
}

func (f *failure) Error() string {
	text := f.what
	if f.err != nil {
		text += ": " + f.err.Error()
	}
	if f.said == "" {
		return text
	}
	if f.err == nil {
		return text + ": " + f.said
	}
	return text + "\n" + f.said
}

func (f *failure) Unwrap() error { return f.err }

// explain returns the failure of what was to be done, unless it was cancelled.
func explain(ctx context.Context, what string, err error, output string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return mended(&failure{what: what, err: err, said: quote(output)}, output)
}

// mended returns the failure with its mend where the cause is a frequent one.
func mended(f *failure, output string) error {
	for _, m := range mends {
		if m.cause.MatchString(output) {
			return hint.Wrap(f, "%s", m.mend)
		}
	}
	return f
}

// progressLine is what buildx tells of the way to an error, which it then says.
var progressLine = regexp.MustCompile(`^(#\d+ |------$| > \[)`)

// quote returns the end of what was said, without the progress to there.
func quote(output string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(output, "\r\n", "\n")), "\n")
	lines = slices.DeleteFunc(lines, progressLine.MatchString)
	return strings.Join(lines[max(0, len(lines)-maxQuote):], "\n")
}

// died is how buildx says that a BuildKit has gone while it built.
var died = regexp.MustCompile(`(?i)failed to receive status: |code = Unavailable|error reading from server|graceful_stop|no such container|container \S+ is not running`)

// passing is what may be gone at the next try.
var passing = regexp.MustCompile(`(?i)\b50[0234] |i/o timeout|TLS handshake timeout|connection reset|unexpected EOF|temporary failure in name resolution|request canceled while waiting`)

func mayPass(err error) bool {
	var f *failure
	return errors.As(err, &f) && passing.MatchString(f.said)
}

// mends are what to do about frequent causes, the more telling first.
var mends = []struct {
	cause *regexp.Regexp
	mend  string
}{
	{regexp.MustCompile(`unknown flag: `),
		`this buildx is too old: install 0.13 or newer`},
	{regexp.MustCompile(`(?i)toomanyrequests|429 Too Many Requests|pull rate limit`),
		`log in to the registry that limits the rate: for Docker Hub with "dockerhub-username" and "dockerhub-token"; or name a copy of the image elsewhere: "image=" in "driver-opts", "binfmt-image"`},
	{regexp.MustCompile(`(?i)pull access denied|unauthorized|authentication required|no basic auth credentials|denied: `),
		`log in to the registry of that image with "registry-auth", for ghcr.io and Docker Hub see that the login may read it; the image is the one in "driver-opts" (image=…) or "binfmt-image"`},
	{regexp.MustCompile(`(?i)manifest unknown|manifest for .* not found|repository does not exist`),
		`the image in "driver-opts" (image=…) or "binfmt-image" must be one that is there`},
	{regexp.MustCompile(`(?i)cannot connect to the docker daemon|failed to connect to the docker API|docker\.sock: connect`),
		`start Docker before this step; see that "endpoint", where it is given, names an address or one of docker's contexts; or give a BuildKit that runs elsewhere: "driver: remote"`},
	{regexp.MustCompile(`(?i)TLS data loaded from environment`),
		`make a context of it before this step ("docker context create remote") and write its name into "endpoint"`},
	{regexp.MustCompile(`(?i)x509: |tls: |certificate`),
		`a remote BuildKit with TLS needs "cacert=", "cert=" and "key=" with absolute paths in "driver-opts", and "servername=" where its certificate is for another name`},
	{regexp.MustCompile(`(?i)invalid configuration: no configuration has been provided|requires kubernetes API access|kubeconfig|unable to load root certificates|KUBERNETES_SERVICE_HOST`),
		`give the cluster before this step: a kubeconfig in ~/.kube/config or in the variable KUBECONFIG`},
	{regexp.MustCompile(`(?i)is forbidden: User|forbidden: `),
		`the cluster's account must be allowed to create, read and delete deployments and pods, and to exec into pods, in the namespace ("namespace=" in "driver-opts")`},
	{regexp.MustCompile(`(?i)no such host|connection refused|i/o timeout|no route to host|connect: no such file|dial (tcp|unix)|listing workers|failed to list workers|context deadline exceeded|waiting for connection`),
		`BuildKit doesn't answer there: see that it runs, that "endpoint" names its address (tcp://host:port, unix:///path) and that this machine may reach it`},
	{regexp.MustCompile(`invalid driver option`),
		`docs.docker.com/build/builders/drivers lists the options of each driver for "driver-opts"`},
	{regexp.MustCompile(`(?i)permission denied|operation not permitted`),
		`this user must be allowed to use Docker; containers with --privileged are not to be had from an engine without root`},
	{regexp.MustCompile(`(?i)no space left on device`),
		`free disk space before this step, or build on a larger runner`},
	{regexp.MustCompile(`(?i)container .* is (restarting|not running)|buildkitd: `),
		`buildkitd doesn't start: see "buildkitd-flags" and "buildkitd-config"`},
}
