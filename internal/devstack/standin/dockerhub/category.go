package dockerhub

import (
	"net/http"
	"slices"
)

// category is one under which Docker Hub lists repositories.
type category struct {
	ID   int    `json:"id"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// categories are all that there are. Docker Hub makes them, not its users.
//
// https://hub.docker.com/v2/categories
var categories = []category{
	{1, "networking", "Networking"},
	{2, "security", "Security"},
	{3, "languages-and-frameworks", "Languages & frameworks"},
	{4, "integration-and-delivery", "Integration & delivery"},
	{5, "message-queues", "Message queues"},
	{6, "api-management", "API management"},
	{7, "internet-of-things", "Internet of things"},
	{8, "machine-learning-and-ai", "Machine learning & AI"},
	{9, "developer-tools", "Developer tools"},
	{10, "data-science", "Data science"},
	{11, "web-servers", "Web servers"},
	{12, "operating-systems", "Operating systems"},
	{13, "content-management-system", "Content management system"},
	{14, "databases-and-storage", "Databases & storage"},
	{15, "monitoring-and-observability", "Monitoring & observability"},
	{16, "web-analytics", "Web analytics"},
}

// maxCategories is how many a repository can have.
const maxCategories = 3

// updateCategories replaces those of a repository. Their slugs count; the names
// must be there.
func (s *Server) updateCategories(w http.ResponseWriter, r *http.Request, name string) {
	var in []struct{ Slug, Name string }
	if !decode(w, r, &in) {
		return
	}
	if len(in) > maxCategories {
		fail(w, http.StatusBadRequest, "too many categories")
		return
	}
	chosen := []category{}
	for _, want := range in {
		i := slices.IndexFunc(categories, func(c category) bool { return c.Slug == want.Slug && want.Name != "" })
		if i < 0 {
			fail(w, http.StatusBadRequest, "invalid category")
			return
		}
		chosen = append(chosen, categories[i])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[name].categories = chosen
	send(w, http.StatusOK, chosen)
}
