package attest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Selection says which manifests of an image are meant: all, the index, or the
// image for one platform. The zero value is all.
type Selection struct {
	index    bool
	platform image.Platform
}

// UnmarshalText parses "all", "index" or a platform.
func (s *Selection) UnmarshalText(text []byte) error {
	*s = Selection{}
	switch string(text) {
	case "all":
	case "index":
		s.index = true
	default:
		if err := s.platform.UnmarshalText(text); err != nil {
			return hint.Wrap(fmt.Errorf("%q is neither all, index, nor a platform", text), "write \"all\", \"index\", or a platform as in \"linux/arm64\"")
		}
	}
	return nil
}

// of returns those of subjects that are meant, one at least.
func (s Selection) of(subjects []evidence.Subject) ([]evidence.Subject, error) {
	if s == (Selection{}) {
		return subjects, nil
	}
	var names []string
	for _, subject := range subjects {
		if s.index && len(subject.Platforms) == 0 || slices.Contains(subject.Platforms, s.platform) {
			return []evidence.Subject{subject}, nil
		}
		names = append(names, subject.String())
	}
	wanted := "index"
	if !s.index {
		wanted = s.platform.String()
	}
	return nil, hint.Wrap(fmt.Errorf("input \"subjects\": the image has no %s", wanted), "it has %s", strings.Join(names, ", "))
}
