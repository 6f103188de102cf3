package github

import (
	"net/http"
	"slices"
	"strings"
)

// generateNotes serves generated notes. Without pull requests in the
// repository they are a link to the changes.
func (s *Server) generateNotes(w http.ResponseWriter, r *http.Request, _ caller) {
	var in struct {
		Tag      string `json:"tag_name"`
		Target   string `json:"target_commitish"`
		Previous string `json:"previous_tag_name"`
	}
	if !decode(w, r, &in) {
		return
	}
	if in.Target == "" {
		in.Target = branch
	}
	_, tagged := s.repo.refs["refs/tags/"+in.Tag]
	_, targetKnown := s.repo.commit(in.Target)
	_, previousKnown := s.repo.refs["refs/tags/"+in.Previous]
	switch {
	case in.Tag == "":
		invalid(w, "Release", "tag_name", "missing_field", "")
	case !tagged && !targetKnown:
		invalid(w, "Release", "target_commitish", "invalid", "")
	case in.Previous != "" && !previousKnown:
		fail(w, http.StatusUnprocessableEntity, "Invalid previous_tag parameter")
	default:
		send(w, http.StatusOK, object{"name": in.Tag, "body": s.notes(in.Tag, in.Previous)})
	}
}

// notes compares a tag with the previous one, or with that of the release
// before it.
func (s *Server) notes(tag, previous string) string {
	for _, rel := range slices.Backward(s.repo.releases) {
		if previous == "" && !rel.draft && rel.tag != tag {
			previous = rel.tag
		}
	}
	change := s.repo.web("/commits/" + tag)
	if previous != "" {
		change = s.repo.web("/compare/" + previous + "..." + tag)
	}
	return "**Full Changelog**: " + change
}

// generateInto adds generated notes to a new release: below its body, and the
// tag as its name if it has none.
func (s *Server) generateInto(rel *release) {
	parts := []string{s.notes(rel.tag, "")}
	if rel.body != nil && *rel.body != "" {
		parts = append([]string{*rel.body}, parts...)
	}
	body := strings.Join(parts, "\n\n")
	rel.body = &body
	if rel.name == nil || *rel.name == "" {
		rel.name = &rel.tag
	}
}
