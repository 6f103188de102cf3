package dockerhub

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// The limits of the descriptions, in bytes.
const (
	MaxDescription     = 100
	MaxFullDescription = 25_000
)

// repository is what Docker Hub knows beside the registry. All are public.
type repository struct {
	description     string
	fullDescription string
	categories      []category
	created         time.Time
	updated         time.Time
}

func (s *Server) createRepository(w http.ResponseWriter, r *http.Request) {
	account, ok := s.account(r)
	if !ok || account == nil {
		fail(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	var in struct {
		Namespace, Name, Description string
		FullDescription              string `json:"full_description"`
	}
	if misplaced(w, r, account) || !decode(w, r, &in) {
		return
	}
	name := in.Namespace + "/" + in.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !account.Owns(name) || account.Access < registry.Admin:
		fail(w, http.StatusForbidden, "insufficient scope")
	case s.repos[name] != nil || s.store.Has(name):
		send(w, http.StatusBadRequest, object{"__all__": []string{"Repository with this Name and Namespace already exists."}})
	case !fits(w, &in.Description, &in.FullDescription):
	default:
		s.repos[name] = &repository{
			description: in.Description, fullDescription: in.FullDescription, created: s.now(),
		}
		send(w, http.StatusCreated, s.render(name))
	}
}

// listRepositories sends a page of those of a namespace, in order of their names.
func (s *Server) listRepositories(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.account(r); !ok {
		fail(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.store.Repositories() {
		if s.repos[name] == nil {
			s.repos[name] = &repository{created: s.now()} // a push has made it
		}
	}
	var names []string
	for name := range s.repos {
		if strings.HasPrefix(name, r.PathValue("namespace")+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	sendPage(w, r, len(names), func(n int) object { return s.render(names[n]) })
}

func (s *Server) getRepository(w http.ResponseWriter, _ *http.Request, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	send(w, http.StatusOK, s.render(name))
}

func (s *Server) updateRepository(w http.ResponseWriter, r *http.Request, name string) {
	var in struct {
		Description     *string
		FullDescription *string `json:"full_description"`
	}
	if !decode(w, r, &in) || !fits(w, in.Description, in.FullDescription) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[name]
	set(&repo.description, in.Description)
	set(&repo.fullDescription, in.FullDescription)
	repo.updated = s.now()
	send(w, http.StatusOK, s.render(name))
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// fits answers and returns false if a description is too long. Docker Hub's
// message says characters, and counts bytes.
func fits(w http.ResponseWriter, description, full *string) bool {
	errs := object{}
	for field, limit := range map[string]struct {
		text *string
		max  int
	}{"description": {description, MaxDescription}, "full_description": {full, MaxFullDescription}} {
		if limit.text != nil && len(*limit.text) > limit.max {
			errs[field] = []string{fmt.Sprintf("Ensure this field has no more than %d characters.", limit.max)}
		}
	}
	if len(errs) > 0 {
		send(w, http.StatusBadRequest, errs)
	}
	return len(errs) == 0
}

// render returns the repository object. The caller holds the lock.
func (s *Server) render(name string) object {
	repo := s.repos[name]
	namespace, short, _ := strings.Cut(name, "/")
	updated := repo.updated
	var size int64
	for _, t := range s.store.Tags(name) {
		size += t.Size
		if t.Pushed.After(updated) {
			updated = t.Pushed
		}
	}
	o := object{
		"user": namespace, "namespace": namespace, "name": short, "repository_type": "image",
		"status": 1, "status_description": "active", "description": repo.description, "full_description": repo.fullDescription,
		"is_private": false, "is_automated": false, "star_count": 0, "pull_count": 0, "collaborator_count": 0,
		"date_registered": timestamp(repo.created), "last_updated": nil, "affiliation": nil, "hub_user": namespace,
		"has_starred": false, "media_types": []string{}, "content_types": []string{"image"}, "categories": append([]category{}, repo.categories...),
		"storage_size": size, "permissions": object{"read": true, "write": false, "admin": false},
	}
	if !updated.IsZero() {
		o["last_updated"] = timestamp(updated)
	}
	return o
}
