package buildpush

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Destination holds the inputs that say where the result of a build goes.
type Destination struct {
	// Images are repositories that the image is pushed to by its digest; Tags
	// are written as docker/build-push-action does it.
	Images  []image.Repository `input:"images"`
	Tags    []image.Ref        `input:"tags,comma"`
	Push    *bool              `input:"push"` // nil: true where there are Images
	Load    bool               `input:"load"`
	Outputs []string           `input:"outputs"`
	// RewriteTimestamp sets the times of files in layers back to SOURCE_DATE_EPOCH.
	RewriteTimestamp bool `input:"rewrite-timestamp"`
}

// Validate checks the rules across inputs.
func (d Destination) Validate() error {
	var errs []error
	for i, repo := range d.Images {
		if slices.Contains(d.Images[:i], repo) {
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"images\": %q is given twice", repo), "leave one of them out"))
		}
	}
	if len(d.Images) > 0 && len(d.Tags) > 0 {
		errs = append(errs, hint.New(`inputs "images" and "tags" are both given, and an image is pushed either by its digest or under tags`,
			`with "images", leave "tags" to the promote step, which writes them when the image is signed and verified`))
	}
	if d.byTag() && len(d.Tags) == 0 && !slices.ContainsFunc(d.Outputs, func(o string) bool { return attribute(o, "name") != "" }) {
		errs = append(errs, hint.New(`input "push" is true, and nothing says where to`,
			`name repositories in "images", or tags in "tags"`))
	}
	for _, ref := range d.Tags {
		if ref.Digest != "" {
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"tags\": %q has a digest, which only the build can tell", ref), "write %q", ref.Repository.Tag(cmp.Or(ref.Tag, "latest"))))
		}
	}
	return errors.Join(errs...)
}

// byDigest reports whether the image is pushed to Images.
func (d Destination) byDigest() bool { return len(d.Images) > 0 && (d.Push == nil || *d.Push) }

// byTag reports whether the image is pushed to Tags.
func (d Destination) byTag() bool { return len(d.Images) == 0 && d.Push != nil && *d.Push }

// intoLayout reports whether the image goes into an OCI layout of ours, since
// it is somebody's release and this run pushes nothing.
func (d Destination) intoLayout() bool {
	return len(d.Images) > 0 && !d.byDigest() && !d.Load && len(d.Outputs) == 0
}

// repositories are where the image is once it is pushed.
func (d Destination) repositories() []image.Repository {
	switch {
	case d.byDigest():
		return d.Images
	case !d.byTag():
		return nil
	}
	var repos []image.Repository
	for _, ref := range d.Tags {
		if !slices.Contains(repos, ref.Repository) {
			repos = append(repos, ref.Repository)
		}
	}
	return repos
}

// options returns the flags of buildx for it.
func (d Destination) options(layout string) []option {
	tags := make([]string, len(d.Tags))
	for i, ref := range d.Tags {
		tags[i] = ref.String()
	}
	return []option{
		{"--tag", tags},
		{"--output", d.outputs(layout)},
		{"--push", given(d.byTag() && !d.RewriteTimestamp)},
		{"--load", given(d.Load && !d.RewriteTimestamp)},
	}
}

// outputs returns what buildx is told to do with the result. layout is the
// folder of the OCI layout.
//
// https://docs.docker.com/build/exporters/
func (d Destination) outputs(layout string) []string {
	var outputs []string
	names := make([]string, len(d.Images))
	for i, repo := range d.Images {
		names[i] = repo.String()
	}
	name := "name=" + strings.Join(names, ",")
	switch {
	case d.byDigest():
		// One image for every repository, and no tag is written.
		outputs = append(outputs, fields("type=image", name, "push-by-digest=true", "name-canonical=true", "push=true"))
	case d.intoLayout():
		outputs = append(outputs, fields("type=oci", name, "dest="+layout, "tar=false"))
	}
	outputs = append(outputs, d.Outputs...)
	// buildx's own flags for these take no options.
	if d.RewriteTimestamp && d.byTag() {
		outputs = append(outputs, "type=registry")
	}
	if d.RewriteTimestamp && d.Load {
		outputs = append(outputs, "type=docker")
	}
	if d.RewriteTimestamp {
		for i, o := range outputs {
			if kind := attribute(o, "type"); attribute(o, "rewrite-timestamp") == "" && slices.Contains([]string{"image", "registry", "oci", "docker"}, kind) {
				outputs[i] = o + ",rewrite-timestamp=true"
			}
		}
	}
	return outputs
}

// toDocker reports whether the result is loaded into a Docker engine, whose
// images hold no attestations.
func (d Destination) toDocker() bool {
	return d.Load || slices.ContainsFunc(d.Outputs, func(o string) bool { return attribute(o, "type") == "docker" })
}

// attribute returns the value of name in a specification as buildx reads it:
// one record of CSV, each field "name=value".
func attribute(spec, name string) string {
	record, err := csv.NewReader(strings.NewReader(spec)).Read()
	if err != nil {
		return "" // buildx tells what is wrong with it
	}
	for _, field := range record {
		if key, value, ok := strings.Cut(field, "="); ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return value
		}
	}
	return ""
}
