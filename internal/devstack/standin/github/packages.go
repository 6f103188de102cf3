package github

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// routePackages registers https://docs.github.com/rest/packages/packages for
// containers. The owner is a user or an organisation, each with its own paths.
func (s *Server) routePackages(mux *http.ServeMux) {
	if s.packages == nil {
		return
	}
	base := "/orgs/{owner}/packages"
	if s.personal {
		base = "/users/{owner}/packages"
	}
	const version = "/container/{package}/versions/{id}"
	mux.HandleFunc("GET "+base, s.scoped(s.listPackages, "read:packages"))
	mux.HandleFunc("GET "+base+"/container/{package}", s.scoped(s.getPackage, "read:packages"))
	mux.HandleFunc("GET "+base+"/container/{package}/versions", s.scoped(s.listVersions, "read:packages"))
	mux.HandleFunc("GET "+base+version, s.scoped(s.getVersion, "read:packages"))
	mux.HandleFunc("DELETE "+base+version, s.scoped(s.deleteVersion, "read:packages", "delete:packages"))
	mux.HandleFunc("POST "+base+version+"/restore", s.scoped(s.restoreVersion, "read:packages", "write:packages"))
}

// scoped wraps a route that a classic token needs scopes for, and another one
// the permission to write, unless it only reads.
func (s *Server) scoped(h handler, scopes ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, _ := s.caller(r) // front has refused a wrong one
		writes := r.Method != http.MethodGet
		switch {
		case !strings.EqualFold(r.PathValue("owner"), s.repo.owner):
			notFound(w)
		case !c.known:
			fail(w, http.StatusUnauthorized, "Requires authentication")
		case c.scopes == nil && writes && !c.write:
			fail(w, http.StatusForbidden, "Resource not accessible by integration")
		case c.scopes != nil && !c.has(scopes):
			fail(w, http.StatusForbidden, "You need at least "+strings.Join(scopes, " and ")+" scope to do this.")
		default:
			h(w, r, c)
		}
	}
}

// has reports whether a classic token has all scopes.
func (c caller) has(scopes []string) bool {
	for _, scope := range scopes {
		if !slices.Contains(c.scopes, scope) && (scope != "read:packages" || !slices.Contains(c.scopes, "write:packages")) {
			return false
		}
	}
	return true
}

// packageName is the package as ghcr.io names it.
func packageName(r *http.Request) string {
	return strings.ToLower(r.PathValue("owner") + "/" + r.PathValue("package"))
}

func (s *Server) listPackages(w http.ResponseWriter, r *http.Request, _ caller) {
	if kind := r.URL.Query().Get("package_type"); kind != "container" {
		fail(w, http.StatusBadRequest, "Invalid argument: package_type "+strconv.Quote(kind))
		return
	}
	all := []object{}
	for _, name := range s.packages.Names(s.repo.owner) {
		all = append(all, s.renderPackage(strings.ToLower(s.repo.owner), name))
	}
	page(w, r, all)
}

func (s *Server) getPackage(w http.ResponseWriter, r *http.Request, _ caller) {
	o := s.renderPackage(strings.ToLower(s.repo.owner), r.PathValue("package"))
	if o == nil {
		notFound(w)
		return
	}
	send(w, http.StatusOK, o)
}

// renderPackage returns the package object, or nil where there is no such package.
func (s *Server) renderPackage(owner, name string) object {
	created, updated, ok := s.packages.Times(owner + "/" + name)
	if !ok {
		return nil
	}
	return object{
		"id": nameID(owner + "/" + name), "name": name, "package_type": "container", "visibility": "public",
		"url": s.packageURL(name), "html_url": s.packagePage(name), "version_count": s.packages.Count(owner+"/"+name, false),
		"created_at": timestamp(created), "updated_at": timestamp(updated), "owner": user(s.repo.owner, ownerID, s.ownerKind()),
	}
}

func (s *Server) ownerKind() string {
	if s.personal {
		return "User"
	}
	return "Organization"
}

func (s *Server) packageURL(name string) string {
	collection := "/orgs/"
	if s.personal {
		collection = "/users/"
	}
	return apiURL + collection + s.repo.owner + "/packages/container/" + url.PathEscape(name)
}

func (s *Server) packagePage(name string) string {
	return webURL + "/" + strings.ToLower(s.ownerKind()[:3]) + "s/" + s.repo.owner + "/packages/container/package/" + url.PathEscape(name)
}

// nameID makes an id that stays the same for a name.
func nameID(name string) (id int64) {
	for _, b := range []byte(name) {
		id = (id*31 + int64(b)) & 0xffffff
	}
	return id + 1
}

func (s *Server) listVersions(w http.ResponseWriter, r *http.Request, _ caller) {
	if _, _, ok := s.packages.Times(packageName(r)); !ok {
		notFound(w)
		return
	}
	deleted := r.URL.Query().Get("state") == "deleted"
	pageOf(w, r, s.packages.Count(packageName(r), deleted), func(from, to int) []object {
		objects := []object{}
		for _, v := range s.packages.Versions(packageName(r), deleted, from, to) {
			objects = append(objects, s.renderVersion(r.PathValue("package"), v))
		}
		return objects
	})
}

func (s *Server) getVersion(w http.ResponseWriter, r *http.Request, _ caller) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // 0 is nobody's
	v, ok := s.packages.Version(packageName(r), id)
	if !ok {
		notFound(w)
		return
	}
	send(w, http.StatusOK, s.renderVersion(r.PathValue("package"), v))
}

// renderVersion returns the package-version object.
func (s *Server) renderVersion(name string, v registry.Version) object {
	o := object{
		"id": v.ID, "name": v.Digest, "url": s.packageURL(name) + "/versions/" + strconv.FormatInt(v.ID, 10),
		"package_html_url": s.packagePage(name), "html_url": s.packagePage(name) + "/" + strconv.FormatInt(v.ID, 10),
		"created_at": timestamp(v.Created), "updated_at": timestamp(v.Updated),
		"metadata": object{"package_type": "container", "container": object{"tags": append([]string{}, v.Tags...)}},
	}
	if !v.Deleted.IsZero() {
		o["deleted_at"] = timestamp(v.Deleted)
	}
	return o
}

func (s *Server) deleteVersion(w http.ResponseWriter, r *http.Request, _ caller) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // 0 is nobody's
	sendChange(w, s.packages.Delete(r.Context(), packageName(r), id))
}

func (s *Server) restoreVersion(w http.ResponseWriter, r *http.Request, _ caller) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // 0 is nobody's
	sendChange(w, s.packages.Restore(r.Context(), packageName(r), id))
}

func sendChange(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, registry.ErrNoVersion):
		notFound(w)
	case errors.Is(err, registry.ErrLastTagged), errors.Is(err, registry.ErrManyDownloads):
		fail(w, http.StatusBadRequest, err.Error())
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
}
