package github

import (
	"crypto/sha1" // the hash of git's objects
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var (
	shaPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)
	// refPattern is a simplification of git-check-ref-format(1).
	refPattern = regexp.MustCompile(`^refs/(heads|tags)/[^\s~^:?*\[\\\x00-\x1f]+$`)
)

// gitObject is what a ref points to: a commit, or an annotated tag.
type gitObject struct{ kind, sha string }

func nodeID(prefix string, id int64) string {
	return prefix + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%012d", id))
}

// routeGit registers https://docs.github.com/rest/git and the tags list.
func (s *Server) routeGit(mux *http.ServeMux) {
	const base = "/repos/{owner}/{repo}"
	mux.HandleFunc("GET "+base+"/git/ref/{ref...}", s.reader(s.getRef))
	mux.HandleFunc("GET "+base+"/git/matching-refs/{ref...}", s.reader(s.matchRefs))
	mux.HandleFunc("POST "+base+"/git/refs", s.writer(s.locked(s.createRef)))
	mux.HandleFunc("PATCH "+base+"/git/refs/{ref...}", s.writer(s.locked(s.updateRef)))
	mux.HandleFunc("DELETE "+base+"/git/refs/{ref...}", s.writer(s.locked(s.deleteRef)))
	mux.HandleFunc("POST "+base+"/git/tags", s.writer(s.locked(s.createTagObject)))
	mux.HandleFunc("GET "+base+"/git/tags/{sha}", s.reader(s.getTagObject))
	mux.HandleFunc("GET "+base+"/tags", s.reader(s.listTags))
}

func (p *repository) renderObject(o gitObject) object {
	return object{"type": o.kind, "sha": o.sha, "url": p.api("/git/" + o.kind + "s/" + o.sha)}
}

func (p *repository) renderRef(name string) object {
	return object{
		"ref": name, "node_id": "REF_" + base64.RawURLEncoding.EncodeToString([]byte(name)),
		"url": p.api("/git/" + name), "object": p.renderObject(p.refs[name]),
	}
}

func (s *Server) getRef(w http.ResponseWriter, r *http.Request, _ caller) {
	name := "refs/" + r.PathValue("ref")
	if _, ok := s.repo.refs[name]; !ok {
		notFound(w)
		return
	}
	send(w, http.StatusOK, s.repo.renderRef(name))
}

func (s *Server) matchRefs(w http.ResponseWriter, r *http.Request, _ caller) {
	found := []object{}
	for _, name := range slices.Sorted(maps.Keys(s.repo.refs)) {
		if strings.HasPrefix(name, "refs/"+r.PathValue("ref")) {
			found = append(found, s.repo.renderRef(name))
		}
	}
	send(w, http.StatusOK, found)
}

func (s *Server) createRef(w http.ResponseWriter, r *http.Request, _ caller) {
	var in struct{ Ref, SHA string }
	if !decode(w, r, &in) {
		return
	}
	_, exists := s.repo.refs[in.Ref]
	switch {
	case !refPattern.MatchString(in.Ref):
		fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("%s is not a valid ref name.", in.Ref))
	case !shaPattern.MatchString(in.SHA):
		fail(w, http.StatusUnprocessableEntity, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	case exists:
		fail(w, http.StatusUnprocessableEntity, "Reference already exists")
	case s.repo.usedTags[strings.TrimPrefix(in.Ref, "refs/tags/")]:
		fail(w, http.StatusUnprocessableEntity, "Reference was used by an immutable release")
	default:
		s.repo.refs[in.Ref] = s.repo.object(in.SHA)
		w.Header().Set("Location", s.repo.api("/git/"+in.Ref))
		send(w, http.StatusCreated, s.repo.renderRef(in.Ref))
	}
}

// object tells an annotated tag from a commit.
func (p *repository) object(sha string) gitObject {
	if p.tagObjects[sha] != nil {
		return gitObject{"tag", sha}
	}
	return gitObject{"commit", sha}
}

func (s *Server) updateRef(w http.ResponseWriter, r *http.Request, _ caller) {
	var in struct {
		SHA   string
		Force bool
	}
	if !decode(w, r, &in) {
		return
	}
	name := "refs/" + r.PathValue("ref")
	_, exists := s.repo.refs[name]
	switch {
	case !exists:
		fail(w, http.StatusUnprocessableEntity, "Reference does not exist")
	case !shaPattern.MatchString(in.SHA):
		fail(w, http.StatusUnprocessableEntity, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	case s.locksTag(name):
		fail(w, http.StatusUnprocessableEntity, "Reference belongs to an immutable release")
	case strings.HasPrefix(name, "refs/tags/") && !in.Force:
		fail(w, http.StatusUnprocessableEntity, "Update is not a fast forward")
	default:
		s.repo.refs[name] = s.repo.object(in.SHA)
		send(w, http.StatusOK, s.repo.renderRef(name))
	}
}

func (s *Server) deleteRef(w http.ResponseWriter, r *http.Request, _ caller) {
	name := "refs/" + r.PathValue("ref")
	_, exists := s.repo.refs[name]
	switch {
	case !exists:
		fail(w, http.StatusUnprocessableEntity, "Reference does not exist")
	case s.locksTag(name):
		fail(w, http.StatusUnprocessableEntity, "Reference belongs to an immutable release")
	default:
		delete(s.repo.refs, name)
		w.WriteHeader(http.StatusNoContent)
	}
}

// locksTag reports whether the ref is the tag of an immutable release.
func (s *Server) locksTag(ref string) bool {
	tag, ok := strings.CutPrefix(ref, "refs/tags/")
	if !ok {
		return false
	}
	published := s.repo.published(tag)
	return published != nil && published.immutable
}

func (s *Server) createTagObject(w http.ResponseWriter, r *http.Request, _ caller) {
	var in struct {
		Tag, Message, Object, Type string
		Tagger                     struct{ Name, Email, Date string }
	}
	if !decode(w, r, &in) {
		return
	}
	if in.Tag == "" || in.Type != "commit" || !shaPattern.MatchString(in.Object) {
		fail(w, http.StatusUnprocessableEntity, "Invalid request: tag, message, object (a SHA) and type (commit) are needed.")
		return
	}
	if in.Tagger.Name == "" {
		in.Tagger.Name, in.Tagger.Email = "github-actions[bot]", "github-actions[bot]@users.noreply.github.com"
	}
	if in.Tagger.Date == "" {
		in.Tagger.Date = timestamp(s.now())
	}
	content := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger %s <%s> %s\n\n%s",
		in.Object, in.Tag, in.Tagger.Name, in.Tagger.Email, in.Tagger.Date, in.Message)
	sha := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "tag %d\x00%s", len(content), content)))
	s.repo.tagObjects[sha] = object{
		"node_id": "TA_" + sha, "sha": sha, "url": s.repo.api("/git/tags/" + sha), "tag": in.Tag, "message": in.Message,
		"tagger":       object{"name": in.Tagger.Name, "email": in.Tagger.Email, "date": in.Tagger.Date},
		"object":       s.repo.renderObject(gitObject{"commit", in.Object}),
		"verification": object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
	}
	w.Header().Set("Location", s.repo.api("/git/tags/"+sha))
	send(w, http.StatusCreated, s.repo.tagObjects[sha])
}

func (s *Server) getTagObject(w http.ResponseWriter, r *http.Request, _ caller) {
	if o := s.repo.tagObjects[r.PathValue("sha")]; o != nil {
		send(w, http.StatusOK, o)
		return
	}
	notFound(w)
}

// commit returns the commit that a tag, a branch or a SHA stands for.
func (p *repository) commit(name string) (string, bool) {
	for _, ref := range []string{"refs/tags/" + name, "refs/heads/" + name} {
		if o, ok := p.refs[ref]; ok {
			if o.kind == "tag" {
				return p.tagObjects[o.sha]["object"].(object)["sha"].(string), true
			}
			return o.sha, true
		}
	}
	return name, shaPattern.MatchString(name)
}

func (s *Server) listTags(w http.ResponseWriter, r *http.Request, _ caller) {
	tags := []object{}
	for _, ref := range slices.Backward(slices.Sorted(maps.Keys(s.repo.refs))) {
		name, ok := strings.CutPrefix(ref, "refs/tags/")
		if !ok {
			continue
		}
		sha, _ := s.repo.commit(name)
		tags = append(tags, object{
			"name": name, "node_id": "REF_" + base64.RawURLEncoding.EncodeToString([]byte(ref)),
			"commit":      object{"sha": sha, "url": s.repo.api("/commits/" + sha)},
			"zipball_url": s.repo.api("/zipball/" + ref), "tarball_url": s.repo.api("/tarball/" + ref),
		})
	}
	page(w, r, tags)
}
