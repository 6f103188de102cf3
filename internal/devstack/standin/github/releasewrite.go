package github

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody is the length of a release's body, in characters.
const maxBody = 125_000

// releaseInput is the body of a creation or an update; nil is left out.
type releaseInput struct {
	Tag        *string `json:"tag_name"`
	Target     *string `json:"target_commitish"`
	Name       *string `json:"name"`
	Body       *string `json:"body"`
	Draft      *bool   `json:"draft"`
	Prerelease *bool   `json:"prerelease"`
	Discussion *string `json:"discussion_category_name"`
	Generate   bool    `json:"generate_release_notes"`
	MakeLatest *string `json:"make_latest"`
}

// apply returns the release as the input makes it. Empty strings for the tag
// and the target mean no change, as on GitHub.
func (in *releaseInput) apply(rel release) *release {
	if in.Tag != nil && *in.Tag != "" {
		rel.tag = *in.Tag
	}
	if in.Target != nil && *in.Target != "" {
		rel.target = *in.Target
	}
	set(&rel.draft, in.Draft)
	set(&rel.prerelease, in.Prerelease)
	set(&rel.discussion, in.Discussion)
	if in.Name != nil {
		rel.name = in.Name
	}
	if in.Body != nil {
		rel.body = in.Body
	}
	return &rel
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

func (s *Server) createRelease(w http.ResponseWriter, r *http.Request, _ caller) {
	var in releaseInput
	if !decode(w, r, &in) {
		return
	}
	if in.Tag == nil || *in.Tag == "" {
		invalid(w, "Release", "tag_name", "missing_field", "")
		return
	}
	now := s.now()
	rel := in.apply(release{target: branch, untagged: "untagged-" + randomHex(), created: now, updated: now})
	if in.Generate {
		s.generateInto(rel)
	}
	if !s.valid(w, rel, nil, &in) {
		return
	}
	rel.id = s.id()
	s.repo.releases = append(s.repo.releases, rel)
	s.publish(rel, nil, &in)
	w.Header().Set("Location", s.repo.api("/releases/"+strconv.FormatInt(rel.id, 10)))
	send(w, http.StatusCreated, s.repo.renderRelease(rel))
}

func (s *Server) updateRelease(w http.ResponseWriter, r *http.Request, c caller) {
	old := s.find(r, c)
	if old == nil {
		notFound(w)
		return
	}
	var in releaseInput
	if !decode(w, r, &in) {
		return
	}
	changed := in.apply(*old)
	if !s.valid(w, changed, old, &in) {
		return
	}
	before := *old
	changed.updated = s.now()
	*old = *changed
	s.publish(old, &before, &in)
	send(w, http.StatusOK, s.repo.renderRelease(old))
}

// valid answers and returns false if the release can't be as rel; old is nil
// for a new one.
func (s *Server) valid(w http.ResponseWriter, rel, old *release, in *releaseInput) bool {
	_, targetKnown := s.repo.commit(rel.target)
	_, tagged := s.repo.refs["refs/tags/"+rel.tag]
	other := s.repo.published(rel.tag)
	locked := old != nil && old.immutable
	switch {
	case !refPattern.MatchString("refs/tags/" + rel.tag):
		invalid(w, "Release", "tag_name", "custom", "tag_name is not a valid tag")
	case locked && (rel.tag != old.tag || rel.target != old.target || rel.draft):
		invalid(w, "Release", "tag_name", "custom", "Cannot change the tag, the target or the state of an immutable release")
	case !rel.draft && other != nil && other != old:
		invalid(w, "Release", "tag_name", "already_exists", "")
	case s.repo.usedTags[rel.tag] && !locked:
		invalid(w, "Release", "tag_name", "custom", "tag_name was used by an immutable release")
	case !tagged && !targetKnown:
		invalid(w, "Release", "target_commitish", "invalid", "")
	case rel.body != nil && utf8.RuneCountInString(*rel.body) > maxBody:
		invalid(w, "Release", "body", "custom", "body is too long (maximum is 125000 characters)")
	case rel.name != nil && utf8.RuneCountInString(*rel.name) > 255:
		invalid(w, "Release", "name", "custom", "name is too long (maximum is 255 characters)")
	case in.MakeLatest != nil && !slices.Contains([]string{"true", "false", "legacy"}, *in.MakeLatest):
		invalid(w, "Release", "make_latest", "invalid", "")
	case in.MakeLatest != nil && *in.MakeLatest == "true" && rel.prerelease && !rel.draft:
		invalid(w, "Release", "make_latest", "custom", "Latest release cannot be draft or prerelease")
	default:
		return true
	}
	return false
}

// publish does what follows from a release's being public: its tag exists, it
// is the latest or not, and it is locked. before is nil for a new release.
func (s *Server) publish(rel, before *release, in *releaseInput) {
	if rel.draft {
		if s.repo.latest == rel {
			s.repo.latest = nil
		}
		return
	}
	if _, ok := s.repo.refs["refs/tags/"+rel.tag]; !ok {
		sha, _ := s.repo.commit(rel.target) // valid has checked it
		s.repo.refs["refs/tags/"+rel.tag] = gitObject{"commit", sha}
	}
	first := before == nil || before.draft
	if first {
		rel.publishedAt = s.now()
		rel.immutable = s.immutable
		if s.immutable {
			s.repo.usedTags[rel.tag] = true
		}
	}
	s.markLatest(rel, first, in.MakeLatest)
}

// markLatest decides which release is the latest. The default is "true" when
// a release is published; "legacy" goes by version and date.
func (s *Server) markLatest(rel *release, first bool, want *string) {
	choice := "true"
	switch {
	case want != nil:
		choice = *want
	case !first:
		choice = "" // an update that does not say leaves it alone
	}
	if rel.prerelease {
		choice = "false"
	}
	current := s.repo.latest
	switch {
	case choice == "true", choice == "legacy" && (current == nil || !older(rel.tag, current.tag)):
		s.repo.latest = rel
	case choice == "false" && current == rel:
		s.repo.latest = nil
	}
}

// older compares version tags by their numbers, as far as they have any.
func older(a, b string) bool {
	x, y := numbers(a), numbers(b)
	return slices.Compare(x, y) < 0
}

func numbers(tag string) []int {
	core, _, _ := strings.Cut(strings.TrimPrefix(tag, "v"), "-")
	var parts []int
	for part := range strings.SplitSeq(core, ".") {
		parts = append(parts, positive(part, 0))
	}
	return parts
}
