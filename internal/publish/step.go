package publish

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/parallel"
)

// step runs a step by the program that was built for this machine.
func (p *publisher) step(ctx context.Context, name string, args ...string) error {
	program := bundleName
	if name == large {
		program = large
	}
	n := slices.IndexFunc(p.assets, func(a Asset) bool {
		return a.Program == program && a.Platform.OS == runtime.GOOS && a.Platform.Arch == runtime.GOARCH
	})
	if n < 0 {
		return hint.Wrap(fmt.Errorf("no programs are built for this machine, %s/%s", runtime.GOOS, runtime.GOARCH), "add it to \"platforms\"")
	}
	cmd := exec.CommandContext(ctx, p.assets[n].Binary, args...) //nolint:gosec // it was built just now
	cmd.Args[0] = name
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Root, p.Stdout, p.Stdout
	cmd.Env = slices.Concat(p.Environ, p.Identity, []string{"INPUT_GITHUB-TOKEN=" + p.cfg.Token.Reveal()})
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// check fetches what was published, as anyone would, and starts a step from the
// release's commit, as a runner would.
func (p *publisher) check(ctx context.Context, tree work) error {
	version, repository := p.cfg.Version.Source(), p.GitHub.Repository().String()
	switch found, err := p.GitHub.FindRelease(ctx, version); {
	case err != nil:
		return err
	case !found.Immutable:
		return hint.New("the release "+version+" can still be changed", "turn on \"Enable release immutability\" in the repository's settings, and release under a new version")
	}
	base := strings.TrimSuffix(p.ServerURL, "/") + "/" + repository + "/releases/download/" + version + "/"
	err := parallel.Each(p.assets, func(_ int, a Asset) error {
		return p.fetch(ctx, base+filepath.Base(a.File), a.SHA256)
	})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the temporary folder
	action := filepath.Join(dir, "_actions", repository, version)
	if err := tree.export(ctx, p.commit, action); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(action, "actions", "launch.sh"), "metadata", "-h") //nolint:gosec // of the commit
	cmd.Env = append(p.Environ[:len(p.Environ):len(p.Environ)], "RELEASE_ACTIONS_BIN=", "RUNNER_TOOL_CACHE="+dir, "GITHUB_SERVER_URL="+p.ServerURL)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("start metadata from the release: %w\n%s", err, out)
	}
	p.Log.Info("checked the published programs", "count", len(p.assets))
	return nil
}

func (p *publisher) fetch(ctx context.Context, url, sum string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: p.Transport}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("fetch what was published: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is only read
	hash := sha256.New()
	if _, err := io.Copy(hash, resp.Body); err != nil {
		return fmt.Errorf("fetch %q: %w", url, err)
	}
	if got := fmt.Sprintf("%x", hash.Sum(nil)); resp.StatusCode != http.StatusOK || got != sum {
		return hint.Wrap(fmt.Errorf("%q answers %s and has the SHA-256 %s, not %s", url, resp.Status, got, sum), "the tags stay where they are; release under a new version")
	}
	return nil
}
