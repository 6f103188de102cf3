package metadata

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// auto is the compare-to that has the earlier release looked for.
const auto = "auto"

// compareTo returns the release that this one is to be compared with: the one
// that is given, or where that is auto, the highest one below this version in
// the first image's repository. Where there is none, or the registry doesn't
// tell, it is "": a release doesn't fail for that.
func (e *evaluator) compareTo(ctx context.Context, given string, set tagSet) string {
	if given != auto {
		return given
	}
	// A prerelease comes after what is below its release.
	text, _, _ := strings.Cut(set.first.version, "-")
	version, ok := parseNumber(text, 2)
	if !ok || len(e.images) == 0 {
		return ""
	}
	first := *e
	first.images = e.images[:1]
	releases, err := first.releasesInRegistries(ctx, Rule{}, set.first, len(version))
	if err != nil {
		e.log.Warn("there is no earlier release to compare with", "cause", err)
		return ""
	}
	releases = slices.DeleteFunc(releases, func(k known) bool { return k.number.compare(version) >= 0 })
	if len(releases) == 0 {
		return ""
	}
	highest := slices.MaxFunc(releases, func(a, b known) int { return a.number.compare(b.number) })
	e.log.Info(fmt.Sprintf("%s is compared with %s", set.version, highest.tag))
	return highest.tag
}
