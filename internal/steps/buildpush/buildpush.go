// Package buildpush builds an image once, for all platforms and registries,
// through docker buildx, and pushes it by its digest: no tag moves here, unless
// tags are asked for as docker/build-push-action takes them.
//
// Credentials reach BuildKit through a private docker configuration that lives
// as long as the build. What was pushed is then read back from every registry.
// Where an earlier run of the same workflow released the same commit already, as
// preflight finds out, its image is taken and nothing is built.
package buildpush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/buildpush/builder"
	"github.com/org/release-actions/internal/steps/buildpush/progress"
)

// Config holds the step's inputs. Those that docker/build-push-action has, too,
// have its names and syntax.
type Config struct {
	Destination
	Platforms    []image.Platform `input:"platforms,comma"`
	Build        Build
	Builder      builder.Config
	Attestations Attestations
	Secrets      Mounts
	Registry     registry.Credentials
	// Resume is the image that an earlier run released from this commit; "" where
	// there is none.
	Resume image.Digest `input:"resume"`
	// Key is what other steps sign with. A build gets no variable that holds it,
	// which is the runner's edge to see to: see action.Runtime's Environ.
	Key      string        `input:"key"`
	RetryFor time.Duration `input:"retry-for"`
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{c.Destination.Validate(), c.checkResume(), c.Builder.Validate(), builder.CheckPlatforms(c.Platforms), c.Secrets.Validate(), c.Registry.Validate()}
	for _, in := range []Pair{{"context", c.Build.Context}, {"file", c.Build.File}} {
		if strings.HasPrefix(in.Value, "-") {
			errs = append(errs, hint.Wrap(fmt.Errorf("input %q: %q is no path, and a step has no standard input", in.Name, in.Value), "write it as in %q", "./"+in.Value))
		}
	}
	return errors.Join(errs...)
}

// checkResume refuses to take an image that isn't to be pushed by its digest.
func (c Config) checkResume() error {
	if c.Resume != "" && !c.byDigest() {
		return hint.New(`input "resume" is given, and no image is pushed to "images"`, `name the repositories in "images", or leave "resume" out`)
	}
	return nil
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	Job      job.Job // whose commit is built
	// LookPath finds a program, as exec.LookPath does.
	LookPath func(string) (string, error)
	// Env is the environment for buildx, free of what a build has no business with.
	Env []string
	// CacheAccess are the variables that give buildx the right to use GitHub's cache.
	CacheAccess []string
	// DockerConfigDir holds docker's own configuration.
	DockerConfigDir string
	// BinfmtDir is where the kernel lists its handlers of foreign programs.
	BinfmtDir string
	// TempDir is where the private directory goes.
	TempDir string
	// Output takes the log of the build.
	Output progress.Console
	Log    *slog.Logger
}

// Result is the image that was built, or found.
type Result struct {
	// Digest is the index's, the same in every registry; "" where the build
	// makes no image.
	Digest image.Digest `output:"digest"`
	// Images are where it was pushed to.
	Images    []image.Pinned   `output:"images"`
	Platforms []image.Platform `output:"platforms"`
	// Layout is the folder of the OCI layout that holds an image which wasn't pushed.
	//
	// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
	Layout string `output:"layout"`
	// ImageID is the digest of the configuration of a plain image, else Digest.
	ImageID string `output:"imageid"`
	// Metadata is what buildx wrote of the build: a JSON object.
	Metadata json.RawMessage `output:"metadata"`

	parts   []part
	record  progress.Record
	resumed bool
	failed  bool
}

// Summary returns the platforms, their digests and how they were built as
// Markdown; of a build that failed, how far it came.
func (r *Result) Summary() string {
	if r.Digest == "" {
		switch report := r.record.Markdown(nil); {
		case report == "":
			return ""
		case r.failed:
			return "## Build\n\nIt failed.\n\n" + report
		default:
			return "## Build\n\n" + report
		}
	}
	var b strings.Builder
	b.WriteString("## Image\n\n")
	if r.resumed {
		b.WriteString("An earlier run of this workflow released this commit already. Its image was taken; nothing was built.\n\n")
	}
	for _, pinned := range r.Images {
		fmt.Fprintf(&b, "- `%s`\n", pinned)
	}
	if len(r.Images) == 0 {
		fmt.Fprintf(&b, "`%s`, which was not pushed.\n", r.Digest)
	}
	var rows []progress.Row
	for _, p := range r.parts {
		rows = append(rows, progress.Row{Platform: p.Platform, Digest: p.Digest, Size: p.layers})
	}
	return b.String() + "\n" + r.record.Markdown(rows)
}

// Print writes where the image is, as plain text.
func (r *Result) Print(w io.Writer) error {
	for _, pinned := range r.Images {
		if _, err := fmt.Fprintln(w, pinned); err != nil {
			return err
		}
	}
	if r.Layout != "" {
		_, err := fmt.Fprintf(w, "%s in %s\n", r.Digest, r.Layout)
		return err
	}
	return nil
}

// Run builds the image that cfg describes, and pushes it or leaves it where
// cfg says.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	// A build is long, and its push comes last.
	if err := parallel.Each(cfg.repositories(), func(_ int, repo image.Repository) error { return d.Registry.CheckPush(ctx, repo) }); err != nil {
		return Result{}, err
	}
	r := Result{resumed: cfg.Resume != ""}
	var built metadata
	var err error
	if r.resumed {
		if built, err = resume(ctx, cfg, d); err != nil {
			return Result{}, err
		}
	} else {
		if cfg.intoLayout() {
			if r.Layout, err = os.MkdirTemp(d.TempDir, "image-"); err != nil {
				return Result{}, err
			}
		}
		if built, err = build(ctx, cfg, d, r.Layout); err == nil {
			err = built.check(cfg)
		}
		if err != nil {
			return Result{record: built.record, failed: true}, errors.Join(err, os.RemoveAll(r.Layout))
		}
	}
	r.Digest, r.ImageID, r.Metadata = built.Digest, built.imageID(), built.text
	r.record = built.record
	if len(cfg.repositories()) > 0 || cfg.intoLayout() {
		if r.parts, err = readBack(ctx, cfg, built.Digest, r.Layout, d.Registry); err != nil {
			return Result{}, errors.Join(err, os.RemoveAll(r.Layout))
		}
	}
	for _, repo := range cfg.repositories() {
		r.Images = append(r.Images, repo.Pin(built.Digest))
	}
	for _, p := range r.parts {
		r.Platforms = append(r.Platforms, p.Platform)
	}
	return r, nil
}
