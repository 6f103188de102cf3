// Package metadata derives an image's tags, labels and annotations from what
// started the workflow: a pushed tag, a branch, a pull request, the clock.
//
// Inputs, rules and outputs are those of docker/metadata-action, so that lists
// which people have tuned for years give what they gave, except that no tag
// leaves which a registry would refuse.
package metadata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
)

// Config is the step's inputs.
type Config struct {
	Context        string        `input:"context"`
	Images         ImageNames    `input:"images"`
	Tags           Rules         `input:"tags"`
	Flavor         Flavor        `input:"flavor"`
	Labels         List          `input:"labels"`
	Annotations    List          `input:"annotations"`
	SepTags        string        `input:"sep-tags"`
	SepLabels      string        `input:"sep-labels"`
	SepAnnotations string        `input:"sep-annotations"`
	BakeTarget     string        `input:"bake-target"`
	Version        string        `input:"version"`
	Event          string        `input:"event"`
	Ref            string        `input:"ref"`
	SHA            string        `input:"sha"`
	Strict         bool          `input:"strict"`
	CompareTo      string        `input:"compare-to"`
	Explain        bool          `input:"explain"`
	RetryFor       time.Duration `input:"retry-for"`
	Registry       registry.Credentials
}

// AsksRegistries reports whether the tags that the images have matter.
func (c Config) AsksRegistries() bool { return c.Flavor.Latest == highest || c.compareTo() == auto }

func (c Config) compareTo() string { return trim(c.CompareTo) }

// Validate checks inputs that are one of a few words, and logins where they
// are used.
func (c Config) Validate() error {
	var errs []error
	if source := trim(c.Context); source != "" && source != "workflow" && source != "git" {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"context\": %q is unknown", source), "write workflow or git"))
	}
	if ref := trim(c.Ref); ref != "" && !strings.HasPrefix(ref, "refs/") {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"ref\": %q is no full name", ref), "write it as in refs/tags/v1.2.3, refs/heads/main or refs/pull/1/merge"))
	}
	if c.AsksRegistries() {
		errs = append(errs, c.Registry.Validate())
	}
	return errors.Join(errs...)
}

// GitHub is asked where the event doesn't tell.
type GitHub interface {
	About(context.Context) (ghapi.About, error)
	CommitDate(ctx context.Context, sha string) (time.Time, error)
	TagNames(context.Context) ([]string, error)
}

// Deps are what the step needs of the world.
type Deps struct {
	Job      job.Job  // what the workflow runs for, in its working tree
	GitHub   GitHub   // asked where Job has a repository
	Registry Registry // asked where AsksRegistries
	// Local is set outside of a runner: what neither the environment nor an input
	// tells of the event is looked up in the working tree, where there is one.
	Local   bool
	Getenv  func(string) string // has the settings that are no inputs
	Environ []string            // of git
	TempDir string              // where a runner's bake files go; none are written where empty
	Now     time.Time
	Log     *slog.Logger
}

// Run evaluates the rules on the event.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	settings, err := parseSettings(d.Getenv, d.Now)
	if err != nil {
		return Result{}, err
	}
	event, err := source(ctx, cfg, d, settings)
	if err != nil {
		return Result{}, err
	}
	e := &evaluator{
		event: event, flavor: cfg.Flavor, settings: settings, registry: d.Registry, images: cfg.Images,
		tree: d, explain: cfg.Explain, log: d.Log,
	}
	if d.Job.Repository != "" {
		e.github = d.GitHub
	}
	e.globals = e.expressions(ctx)
	set, err := e.tags(ctx, cfg.Tags.orDefault())
	if err != nil {
		return Result{}, fmt.Errorf("input \"tags\": %w", err)
	}
	if err := e.check(cfg, set); err != nil {
		return Result{}, err
	}
	predefined, err := e.predefined(ctx, set.version)
	if err != nil {
		return Result{}, err
	}
	labels, err := e.override(predefined, cfg.Labels)
	if err != nil {
		return Result{}, fmt.Errorf("input \"labels\": %w", err)
	}
	annotated, err := e.override(predefined, cfg.Annotations)
	if err != nil {
		return Result{}, fmt.Errorf("input \"annotations\": %w", err)
	}
	result, err := assemble(cfg, d, set, labels, annotations(annotated, settings.AnnotationLevels))
	if err != nil {
		return Result{}, err
	}
	result.export = settings.Export
	result.CompareTo = e.compareTo(ctx, cfg.compareTo(), set)
	return result, ctx.Err()
}

// source returns the event that rules are evaluated on.
func source(ctx context.Context, cfg Config, d Deps, settings Settings) (Event, error) {
	started, err := newEvent(d.Job)
	if err != nil {
		return Event{}, err
	}
	event := started.effective(settings.PRHeadSHA)
	if trim(cfg.Context) == "git" {
		if event, err = started.inTree(ctx, d); err != nil {
			return Event{}, err
		}
	}
	if d.Local {
		event = event.completed(ctx, d)
	}
	event.Name = cmp.Or(trim(cfg.Event), event.Name)
	event.Ref = cmp.Or(trim(cfg.Ref), event.Ref)
	event.SHA = cmp.Or(trim(cfg.SHA), event.SHA)
	version := trim(cfg.Version)
	tag, isTag := strings.CutPrefix(event.Ref, tagRef)
	switch {
	case version == "":
	case isTag && tag != version:
		return Event{}, hint.Wrap(fmt.Errorf("input \"version\" is %q, and the event's tag is %q", version, tag), "leave the input out where a tag starts the workflow")
	default:
		event.Ref = tagRef + version
	}
	return event, nil
}

// check looks at what the peer lets pass, with a warning at most. A release
// can't go on with it, so strict makes it errors.
func (e *evaluator) check(cfg Config, set tagSet) error {
	var errs []error
	for _, image := range cfg.Images {
		if image.Name != image.Written {
			e.log.Info(fmt.Sprintf("image name %q has upper-case letters, which registries refuse; it is %q from here on", image.Written, image.Name))
		}
		if err := image.check(); err != nil {
			errs = append(errs, fmt.Errorf("input \"images\": %w", err))
		}
	}
	if len(set.names) == 0 {
		errs = append(errs, e.noTag(set))
	}
	if cfg.Strict {
		if len(cfg.Images) == 0 {
			errs = append(errs, hint.New("input \"images\" names no image", "write one repository a line, as in \"ghcr.io/${{ github.repository }}\""))
		}
		if len(set.names) > 0 {
			errs = append(errs, e.noVersion(set))
		}
		return errors.Join(errs...)
	}
	for _, err := range errs {
		e.log.Warn(strings.Join(append([]string{err.Error()}, hint.Of(err)...), "\n"))
	}
	return nil
}

// noTag is the error of an event on which no rule gives a tag.
func (e *evaluator) noTag(set tagSet) error {
	if tag, ok := strings.CutPrefix(e.event.Ref, tagRef); ok {
		if err := e.noVersion(set); err != nil {
			return err
		}
		return hint.Wrap(fmt.Errorf("no rule gives a tag for the git tag %q:%s", tag, set.reasons()),
			"add \"type=semver,pattern={{version}}\" or \"type=ref,event=tag\" to \"tags\"")
	}
	return hint.Wrap(fmt.Errorf("no rule gives a tag on the event %q of %q:%s", e.event.Name, e.event.Ref, set.reasons()),
		"start the workflow for a git tag (gh workflow run --ref v1.2.3), give the input \"version\", or add a rule such as \"type=ref,event=branch\" to \"tags\"")
}

// noVersion returns an error where the event is a git tag, there are rules to
// read a version from it, and none of them can.
func (e *evaluator) noVersion(set tagSet) error {
	tag, isTag := strings.CutPrefix(e.event.Ref, tagRef)
	asked := false
	for _, o := range set.outcomes {
		if !isTag || o.Rule.isVersion() && o.Tag != "" {
			return nil
		}
		asked = asked || o.Rule.isVersion() && o.Enabled
	}
	if !asked {
		return nil
	}
	return hint.Wrap(fmt.Errorf("git tag %q gives no version:%s", tag, set.reasons()),
		"name the tag as in \"v1.2.3\", or add a rule that reads it, as in %q", "type=semver,pattern={{version}},match=release-(.*)")
}

// reasons lists why rules gave no tag.
func (s tagSet) reasons() string {
	var b strings.Builder
	for _, o := range s.outcomes {
		if o.Tag == "" {
			fmt.Fprintf(&b, "\n  %s: %s", o.Rule.Entry.Text, o.Why)
		}
	}
	return b.String()
}

// assemble joins the lists and writes the bake files.
func assemble(cfg Config, d Deps, set tagSet, labels []pair, annotations []string) (Result, error) {
	images := cfg.Images
	names := make([]string, len(images))
	for i, image := range images {
		names[i] = image.Name
	}
	if len(images) == 0 {
		images = ImageNames{{}} // bare tags
	}
	l := lists{Tags: []string{}, TagNames: append([]string{}, set.names...), Labels: map[string]string{}, Annotations: annotations}
	seen := map[string]bool{}
	for _, image := range images {
		for _, tag := range set.names {
			if ref := image.ref(tag); !seen[ref] {
				seen[ref] = true
				l.Tags = append(l.Tags, ref)
			}
		}
	}
	lines := make([]string, len(labels))
	for i, p := range labels {
		// One line, as the peer has it: the lists alone keep the others.
		l.Labels[p.key] = p.value
		if end := strings.IndexAny(p.value, "\n\r\u2028\u2029"); end >= 0 {
			l.Labels[p.key] = p.value[:end]
		}
		lines[i] = p.String()
	}
	text, err := encode(l)
	r := Result{
		Version:     set.version[:min(len(set.version), maxTagLength)],
		Tags:        strings.Join(l.Tags, orNewline(cfg.SepTags)),
		TagNames:    strings.Join(l.TagNames, orNewline(cfg.SepTags)),
		Labels:      strings.Join(lines, orNewline(cfg.SepLabels)),
		Annotations: strings.Join(annotations, orNewline(cfg.SepAnnotations)),
		ImageNames:  names,
		JSON:        text, Outcomes: append(set.outcomes, set.latest), lists: l, explain: cfg.Explain,
	}
	if err == nil && d.TempDir != "" && !d.Local {
		err = r.writeBake(d.TempDir, trim(cfg.BakeTarget), names)
	}
	if err != nil {
		return Result{}, err // outputs are whole or there are none
	}
	return r, nil
}

func orNewline(separator string) string {
	if separator == "" {
		return "\n"
	}
	return separator
}
