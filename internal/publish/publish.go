package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/secret"
)

// Config is what a release is to be.
type Config struct {
	Version       release.Version  `input:"version,required"`
	Platforms     []image.Platform `input:"platforms,comma"`
	OutputDir     string           `input:"output-dir"`
	BuildOnly     bool             `input:"build-only"`
	Token         secret.String    `input:"github-token"`
	TrustedRoot   string           `input:"trusted-root"`
	SigningConfig string           `input:"signing-config"`
	RetryFor      time.Duration    `input:"retry-for"`
}

// Validate refuses a version that is no tag of ours.
func (c Config) Validate() error {
	if c.Version.Source() != "v"+c.Version.String() || c.Version.Build != "" {
		return hint.Wrap(fmt.Errorf("input \"version\": %q is no tag of a release", c.Version.Source()), "write it as in \"v1.2.3\" or \"v1.3.0-rc.1\"")
	}
	return nil
}

// Deps are the services of a release.
type Deps struct {
	Root      string // the work tree
	GitHub    *ghapi.Client
	Transport http.RoundTripper
	ServerURL string   // "https://github.com"
	Environ   []string // for git and go
	Identity  []string // variables by which a job gets an OIDC token
	Log       *slog.Logger
	Stdout    io.Writer // gets what steps print, commands to the runner among it
}

// Result is what was released.
type Result struct {
	Commit string `output:"commit"`
}

// publisher makes one release.
type publisher struct {
	Deps
	cfg    Config
	assets []Asset
	commit string // that pins the assets
}

// Run releases HEAD of the work tree. What an earlier run has done is found and
// completed: builds and the commit come out the same again, a draft is filled
// up, and of what is published only the tags are moved.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	p := &publisher{Deps: d, cfg: cfg}
	version := cfg.Version.Source()
	tree := work{d.Root, d.Environ, cfg.Token}
	var err error
	if p.assets, err = Build(ctx, d.Root, cfg.OutputDir, d.Environ, cfg.Platforms); err != nil {
		return Result{}, err
	}
	if p.commit, err = tree.commit(ctx, version, Checksums(version, p.assets)); err != nil {
		return Result{}, err
	}
	result := Result{Commit: p.commit}
	d.Log.Info("built the programs", "version", version, "commit", p.commit)
	tag, err := d.GitHub.Tag(ctx, version)
	switch {
	case errors.Is(err, ghapi.ErrNotFound):
		// The commit has to be there before a tag can be at it.
		branch := "refs/heads/publish/" + version
		if err := tree.push(ctx, p.commit, branch); err != nil {
			return result, err
		}
		if err := p.release(ctx); err != nil {
			return result, err
		}
		if err := tree.push(ctx, "", branch); err != nil {
			return result, err
		}
	case err != nil:
		return result, err
	case tag.Commit != p.commit:
		return result, hint.Wrap(fmt.Errorf("%s is released already, from other sources: it is at %s, and these give %s", version, tag.Commit, p.commit), "release under a new version")
	}
	if err := p.check(ctx, tree); err != nil {
		return result, err
	}
	return result, p.moveTags(ctx, p.commit)
}

// release describes the programs, signs what is said of them, and publishes it
// all: by our own steps, of the programs that are published.
func (p *publisher) release(ctx context.Context) error {
	dir, version := p.cfg.OutputDir, p.cfg.Version.Source()
	assets, described := filepath.Join(dir, "assets"), filepath.Join(dir, "described")
	if err := errors.Join(os.RemoveAll(described), os.MkdirAll(described, 0o750)); err != nil {
		return err
	}
	if err := writeLayout(described, p.assets); err != nil {
		return fmt.Errorf("write the programs as an image: %w", err)
	}
	if err := p.step(ctx, large, "-layout", filepath.Join(described, "layout"), "-output-dir", assets); err != nil {
		return err
	}
	signed := []string{"-output-dir", assets, "-push-to-github=true", "-trusted-root", p.cfg.TrustedRoot, "-signing-config", p.cfg.SigningConfig}
	list := filepath.Join(assets, "checksums.txt")
	if err := os.WriteFile(list, []byte(sums(p.assets)), 0o644); err != nil {
		return err
	}
	if err := p.step(ctx, "attest", append(signed, "-checksums", list)...); err != nil {
		return err
	}
	for _, platform := range p.cfg.Platforms {
		name := "sbom-" + platform.OS + "-" + platform.Arch
		mine := slices.DeleteFunc(slices.Clone(p.assets), func(a Asset) bool { return a.Platform != platform })
		list := filepath.Join(described, name)
		if err := os.WriteFile(list, []byte(sums(mine)), 0o644); err != nil {
			return err
		}
		if err := p.step(ctx, "attest", append(signed, "-checksums", list, "-build-provenance=false",
			"-predicate-type", "https://spdx.dev/Document/v2.3", "-predicate-path", filepath.Join(assets, name+".spdx.json"))...); err != nil {
			return err
		}
	}
	repository := p.GitHub.Repository().String()
	body := fmt.Sprintf(page, repository, p.commit, version, repository, strings.TrimSuffix(p.ServerURL, "/"))
	return p.step(ctx, "release-notes", "-tag", version, "-target-commitish", p.commit, "-files", filepath.Join(assets, "*"),
		"-body", body, "-generate-release-notes=true")
}

const page = "Every program of this release is pinned by its commit:\n\n" +
	"```yaml\n- uses: %[1]s@%[2]s # %[3]s\n```\n\n" +
	"What a runner downloads was built by this repository's workflow, which `gh attestation verify steps_linux_amd64.gz --repo %[4]s` shows, " +
	"and is made of what `sbom-linux-amd64.spdx.json` says. Anyone can build the same bytes: [how](%[5]s/%[1]s/blob/%[2]s/docs/design/0008-a-tag-pins-its-programs.md).\n"
