package publish

import (
	"context"
	"slices"

	"golang.org/x/mod/semver"

	"github.com/org/release-actions/internal/release"
)

// moving returns the tags that follow a version, as v1 and v1.2 do v1.2.3: those
// of which it is the highest. A pre-release moves none.
func moving(v release.Version, tags []string) (names []string) {
	if v.IsPrerelease() {
		return nil
	}
	version := v.Source()
	for _, line := range []func(string) string{semver.MajorMinor, semver.Major} {
		higher := slices.ContainsFunc(tags, func(tag string) bool {
			released, err := release.ParseVersion(tag)
			return err == nil && !released.IsPrerelease() && line(tag) == line(version) && semver.Compare(tag, version) > 0
		})
		if !higher {
			names = append(names, line(version))
		}
	}
	return names
}

func (p *publisher) moveTags(ctx context.Context, commit string) error {
	tags, err := p.GitHub.TagNames(ctx)
	if err != nil {
		return err
	}
	for _, name := range moving(p.cfg.Version, tags) {
		if err := p.GitHub.SetTag(ctx, name, commit); err != nil {
			return err
		}
		p.Log.Info("moved a tag", "tag", name, "commit", commit)
	}
	return nil
}
