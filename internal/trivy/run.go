package trivy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/org/release-actions/internal/hint"
)

const (
	// grace is how long Trivy may take to end by itself after its time-out.
	grace = 30 * time.Second
	// killAfter is how long a cancelled Trivy may tidy up: a runner waits 7.5 s.
	killAfter = 3 * time.Second
	// maxLog bounds what is kept of what Trivy says, in bytes.
	maxLog = 64 << 10
)

// network are the variables that lead to the network. Trivy gets no others.
var network = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
}

// run runs Trivy with logins to hosts, and returns what it said. It fails where
// it couldn't do what it was asked, never for what it finds.
func (s *Scanner) run(ctx context.Context, hosts []string, arguments ...string) (said string, err error) {
	env, err := s.environment(ctx, hosts)
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, s.Timeout+grace)
	defer cancel()
	log := &tail{most: maxLog}
	cmd := exec.CommandContext(limited, s.program, append(arguments, "--cache-dir", s.cache)...) //nolint:gosec // no shell reads them
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, env, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	s.Log.Debug("running trivy", "arguments", cmd.Args[1:])
	started := time.Now()
	err = cmd.Run()
	s.Log.Debug("trivy ended", "log", log.String())
	switch {
	case err == nil:
		return log.String(), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", s.timedOut()
	}
	return "", s.explain(err, log.String(), time.Since(started) >= s.Timeout)
}

// environment is all that Trivy sees of the machine.
func (s *Scanner) environment(ctx context.Context, hosts []string) ([]string, error) {
	env := slices.DeleteFunc(slices.Clone(s.Env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains(network, name)
	})
	config, err := s.Registry.LoginConfig(ctx, hosts...)
	if err != nil {
		return nil, err
	}
	logins, err := os.MkdirTemp(s.dir, "docker-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(logins, "config.json"), config, 0o600); err != nil {
		return nil, err
	}
	return append(env, "HOME="+s.dir, "TMPDIR="+s.dir, "DOCKER_CONFIG="+logins,
		"TRIVY_DISABLE_TELEMETRY=true", "TRIVY_SKIP_VERSION_CHECK=true"), nil
}

func (s *Scanner) timedOut() error {
	return hint.Wrap(fmt.Errorf("trivy took longer than %s", s.Timeout), "give it more time with \"timeout\", or less to read with \"skip-dirs\"")
}

// explain says why Trivy failed, as far as it told, and what helps. Where its
// time was over, it may complain of anything that it was waiting for.
func (s *Scanner) explain(err error, log string, late bool) error {
	said := fatal(log)
	var exit *exec.ExitError
	var status syscall.WaitStatus
	if errors.As(err, &exit) {
		status, _ = exit.Sys().(syscall.WaitStatus)
	}
	has := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(log, text) })
	}
	switch {
	case status.Signaled() || has("out of memory", "cannot allocate memory"):
		why := "it ran out of memory"
		if status.Signaled() {
			why = "signal: " + status.Signal().String()
		}
		return hint.Wrap(fmt.Errorf("trivy was killed: %s", why), "the machine has too little memory for the scan, most likely: use a larger one, or scan fewer platforms on it")
	case (late || has("context deadline exceeded")) && !has("download"):
		return s.timedOut()
	case has("vulnerability DB initialize", "go.etcd.io/bbolt", "unexpected fault address"):
		return hint.Wrap(fmt.Errorf("the vulnerability database in %q is corrupt: %s", s.cache, said),
			"remove the folder; it is fetched anew where \"skip-db-update\" isn't set")
	}
	return fmt.Errorf("trivy failed: %w: %s", err, said)
}

// fatal returns the reason that Trivy ended with, or the end of its log.
func fatal(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i, line := range slices.Backward(lines) {
		if _, reason, ok := strings.Cut(line, "\tFATAL\t"); ok {
			// Lists of errors go on in further lines.
			reason = strings.Join(append([]string{reason}, lines[i+1:]...), " ")
			return strings.Join(strings.Fields(strings.TrimPrefix(reason, "Fatal error\t")), " ")
		}
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// tail keeps the end of what is written to it.
type tail struct {
	most int
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-t.most):])
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }
