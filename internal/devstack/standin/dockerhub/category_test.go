package dockerhub_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/dockerhub"
	"github.com/org/release-actions/internal/devstack/standin/registry"
)

func TestRateLimitTellsWhenItEnds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	api := dockerhub.New(dockerhub.Options{RateLimit: 2, Now: func() time.Time { return now }, Store: registry.NewStore()}).API()
	get := func() *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, httptest.NewRequest("GET", "/v2/categories/", nil))
		return answer
	}
	for remaining := range 2 {
		if a := get(); a.Code != 200 || a.Header().Get("X-RateLimit-Limit") != "2" || a.Header().Get("X-RateLimit-Remaining") != fmt.Sprint(1-remaining) {
			t.Errorf("%d %v", a.Code, a.Header())
		}
	}
	if a := get(); a.Code != 429 || a.Header().Get("X-Retry-After") != "1700000060" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
	now = now.Add(time.Minute)
	if a := get(); a.Code != 200 {
		t.Errorf("after a minute: %d", a.Code)
	}
}

func TestCategoriesAreDockerHubs(t *testing.T) {
	t.Parallel()
	w := newWorld()
	token := w.login(t, "acme", "admin")
	for body, want := range map[string]int{
		`[{"slug":"security","name":"x"}]`:   200,
		`[{"slug":"blockchain","name":"x"}]`: 400,
		`[{"slug":"security"}]`:              400,
		`[{"slug":"security","name":"x"},{"slug":"networking","name":"x"},{"slug":"web-servers","name":"x"},{"slug":"data-science","name":"x"}]`: 400,
	} {
		req := httptest.NewRequest("PATCH", "/v2/repositories/acme/hello/categories/", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		w.API().ServeHTTP(rec, req)
		if rec.Code != want {
			t.Errorf("%s: %d %s, want %d", body, rec.Code, rec.Body, want)
		}
	}
	_, answer := w.call(t, "GET", "/v2/repositories/acme/hello", "", "")
	if got := fmt.Sprint(answer["categories"]); got != "[map[id:2 name:Security slug:security]]" {
		t.Errorf("categories are %s", got)
	}
}
