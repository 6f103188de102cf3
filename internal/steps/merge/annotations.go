package merge

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/lines"
)

// The levels of annotations that an index holds. Those of manifests were the
// builds' to set, and a registry has no place for those of an index's descriptor.
const (
	levelIndex      = "index"
	levelDescriptor = "manifest-descriptor"
)

// Annotations are annotations of several levels, as buildx takes them.
//
// https://docs.docker.com/build/metadata/annotations/#specify-annotation-level
type Annotations []annotation

type annotation struct {
	level      string
	platform   image.Platform // all where zero
	key, value string
}

var annotationLevel = regexp.MustCompile(`^(index|index-descriptor|manifest|manifest-descriptor)(?:\[([^\[\]]+)\])?$`)

// UnmarshalText parses a list of "[level[platform],…:]key=value".
func (a *Annotations) UnmarshalText(text []byte) error {
	var items lines.List
	if err := items.UnmarshalText(text); err != nil {
		return err
	}
	var all Annotations
	var errs []error
	for _, item := range items {
		parsed, err := parseAnnotation(item)
		all, errs = append(all, parsed...), append(errs, err)
	}
	*a = all
	return errors.Join(errs...)
}

func parseAnnotation(item string) ([]annotation, error) {
	name, value, ok := strings.Cut(item, "=")
	levels, key, levelled := strings.Cut(name, ":")
	if !levelled {
		levels, key = "manifest", name
	}
	if !ok || key == "" {
		return nil, hint.Wrap(fmt.Errorf("annotation %q is not key=value", item), "write it as in \"index:org.opencontainers.image.title=app\"")
	}
	var all []annotation
	for level := range strings.SplitSeq(levels, ",") {
		m := annotationLevel.FindStringSubmatch(level)
		if m == nil {
			return nil, hint.Wrap(fmt.Errorf("annotation %q has the level %q", item, level),
				"write index, manifest, index-descriptor or manifest-descriptor before the colon, with a platform in brackets behind it or none")
		}
		one := annotation{level: m[1], key: key, value: value}
		if m[2] != "" {
			if err := one.platform.UnmarshalText([]byte(m[2])); err != nil {
				return nil, fmt.Errorf("annotation %q: %w", item, err)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// ofIndex returns the index's own annotations.
func (a Annotations) ofIndex() map[string]string {
	found := map[string]string{}
	for _, one := range a {
		if one.level == levelIndex {
			found[one.key] = one.value
		}
	}
	return found
}

// ofDescriptor returns those of the descriptor of the image for a platform. What
// is given for the platform goes before what is given for all.
func (a Annotations) ofDescriptor(p image.Platform) map[string]string {
	found := map[string]string{}
	for _, platform := range []image.Platform{{}, p} {
		for _, one := range a {
			if one.level == levelDescriptor && one.platform == platform {
				found[one.key] = one.value
			}
		}
	}
	return found
}
