package github

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// snapshot is what a detector found in a commit.
type snapshot struct {
	Version int
	Job     struct {
		ID, Correlator string
	}
	SHA, Ref string
	Detector struct {
		Name, Version, URL string
	}
	Scanned   string
	Manifests map[string]struct {
		Name     string
		Resolved map[string]struct {
			PURL string `json:"package_url"`
		}
	}
}

// snapshotKey is what a newer snapshot has in common with the one it replaces.
type snapshotKey struct{ correlator, detector string }

var fullRef = regexp.MustCompile(`^refs/`)

// routeSnapshots registers https://docs.github.com/rest/dependency-graph.
func (s *Server) routeSnapshots(mux *http.ServeMux) {
	mux.HandleFunc("POST /repos/{owner}/{repo}/dependency-graph/snapshots", s.writer(s.locked(s.createSnapshot)))
}

func (s *Server) createSnapshot(w http.ResponseWriter, r *http.Request, _ caller) {
	var in snapshot
	if !decode(w, r, &in) {
		return
	}
	for _, required := range []struct{ name, value string }{
		{"job.id", in.Job.ID}, {"job.correlator", in.Job.Correlator}, {"sha", in.SHA}, {"ref", in.Ref}, {"scanned", in.Scanned},
		{"detector.name", in.Detector.Name}, {"detector.version", in.Detector.Version}, {"detector.url", in.Detector.URL},
	} {
		if required.value == "" {
			fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("Invalid request.\n\n%q wasn't supplied.", required.name))
			return
		}
	}
	if !shaPattern.MatchString(in.SHA) || !fullRef.MatchString(in.Ref) {
		fail(w, http.StatusUnprocessableEntity, "Invalid request.\n\nsha or ref is invalid.")
		return
	}
	s.repo.snapshots[snapshotKey{in.Job.Correlator, in.Detector.Name}] = in
	result, message := "SUCCESS", "Dependency results for the repo have been successfully updated."
	if in.Ref != "refs/heads/"+branch {
		result, message = "ACCEPTED", "The snapshot was accepted, but it is not for the default branch. It will not update dependency results for the repository."
	}
	send(w, http.StatusCreated, object{"id": s.id(), "created_at": timestamp(s.now()), "result": result, "message": message})
}

// Dependencies returns the package URLs that the newest snapshot of the
// correlator has, sorted, and whether there is one.
func (s *Server) Dependencies(correlator string) ([]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]bool{}
	known := false
	for key, snapshot := range s.repo.snapshots {
		if key.correlator != correlator {
			continue
		}
		known = true
		for _, manifest := range snapshot.Manifests {
			for _, dependency := range manifest.Resolved {
				found[dependency.PURL] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), known
}
