// Package buildpush builds an image once, for all platforms and registries,
// through docker buildx, and pushes it by its digest: no tag moves here.
//
// Credentials reach BuildKit through a private docker configuration that lives
// as long as the build. What was pushed is then read back from every registry.
// Where an earlier run of the same workflow released the same commit already,
// its image is taken and nothing is built.
package buildpush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/buildpush/progress"
)

// Config holds the step's inputs. Those that docker/build-push-action has, too,
// have its names and syntax.
type Config struct {
	// Images are the repositories that the image is pushed to.
	Images    []image.Repository `input:"images,required"`
	Platforms []image.Platform   `input:"platforms,comma"`
	Build     Build
	Secrets   Mounts
	Registry  registry.Credentials

	// ResumeTags are the tags that will be put on the image. The version's own
	// one leads to the image that an earlier run released.
	ResumeTags []image.Ref `input:"resume-tags"`
	// Overwrite says that a released version may change, so that it is built anew.
	Overwrite bool `input:"overwrite"`
	Trust     sigstore.Trust
	RetryFor  time.Duration `input:"retry-for"`
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{c.Secrets.Validate(), c.Registry.Validate()}
	for i, repo := range c.Images {
		if slices.Contains(c.Images[:i], repo) {
			errs = append(errs, fmt.Errorf("input \"images\": %q is given twice", repo))
		}
	}
	for _, in := range []Pair{{"context", c.Build.Context}, {"file", c.Build.File}} {
		if strings.HasPrefix(in.Value, "-") {
			errs = append(errs, hint.Wrap(fmt.Errorf("input %q: %q is no path, and a step has no standard input", in.Name, in.Value), "write it as in %q", "./"+in.Value))
		}
	}
	return errors.Join(errs...)
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	// Revision is the commit that is built; nothing is resumed where "".
	Revision string
	// Token returns the runner's OIDC token, which names the workflow whose
	// signature a released image must have.
	Token    sigstore.TokenSource
	Sigstore sigstore.Options
	// BuilderID is the URL of the run, for the provenance; left out where "".
	BuilderID string
	// LookPath finds a program, as exec.LookPath does.
	LookPath func(string) (string, error)
	// Env is the environment for buildx, free of what a build has no business with.
	Env []string
	// DockerConfigDir holds docker's own configuration.
	DockerConfigDir string
	// TempDir is where the private directory goes.
	TempDir string
	// Output takes the log of the build.
	Output progress.Console
	Log    *slog.Logger
}

// Result is the image that was built, or found.
type Result struct {
	// Digest is the index's, the same in every registry.
	Digest    image.Digest     `output:"digest"`
	Images    []image.Pinned   `output:"images"`
	Platforms []image.Platform `output:"platforms"`
	// ImageID is the digest of the configuration of a plain image, else Digest.
	ImageID string `output:"imageid"`
	// Metadata is what buildx wrote of the build: a JSON object.
	Metadata json.RawMessage `output:"metadata"`

	manifests []registry.PlatformManifest
	record    progress.Record
	resumed   bool
}

// Summary returns the platforms, their digests and how they were built as
// Markdown; of a build that failed, how far it came.
func (r *Result) Summary() string {
	if r.Digest == "" {
		if report := r.record.Markdown(nil); report != "" {
			return "## Build\n\nIt failed.\n\n" + report
		}
		return ""
	}
	var b strings.Builder
	b.WriteString("## Image\n\n")
	if r.resumed {
		b.WriteString("An earlier run of this workflow released this commit already. Its image was taken; nothing was built.\n\n")
	}
	for _, pinned := range r.Images {
		fmt.Fprintf(&b, "- `%s`\n", pinned)
	}
	var rows []progress.Row
	for _, m := range r.manifests {
		rows = append(rows, progress.Row{Platform: m.Platform, Digest: m.Digest})
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
	return nil
}

// Run builds and pushes the image that cfg describes.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	// A build is long, and its push comes last.
	if err := parallel.Each(cfg.Images, func(_ int, repo image.Repository) error { return d.Registry.CheckPush(ctx, repo) }); err != nil {
		return Result{}, err
	}
	metadata, err := resume(ctx, cfg, d)
	if err != nil {
		return Result{}, err
	}
	resumed := metadata.Digest != ""
	if !resumed {
		if metadata, err = build(ctx, cfg, d); err != nil {
			return Result{record: metadata.record}, err
		}
	}
	manifests, err := readBack(ctx, cfg, metadata.Digest, d.Registry)
	if err != nil {
		return Result{}, err
	}
	result := Result{
		Digest:    metadata.Digest,
		ImageID:   metadata.imageID(),
		Metadata:  metadata.text,
		manifests: manifests,
		record:    metadata.record,
		resumed:   resumed,
	}
	for _, repo := range cfg.Images {
		result.Images = append(result.Images, repo.Pin(metadata.Digest))
	}
	for _, m := range manifests {
		result.Platforms = append(result.Platforms, m.Platform)
	}
	return result, nil
}
