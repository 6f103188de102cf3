package github_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
)

const snapshots = "https://api.github.com/repos/acme/hello/dependency-graph/snapshots"

// snapshotOf returns a snapshot with the changes.
func snapshotOf(t *testing.T, changes map[string]any) string {
	t.Helper()
	s := map[string]any{
		"version": 0, "sha": commit, "ref": "refs/heads/main", "scanned": "2026-01-02T03:04:05Z",
		"job":      map[string]any{"id": "1", "correlator": "release_job"},
		"detector": map[string]any{"name": "syft", "version": "1", "url": "https://example.com"},
		"manifests": map[string]any{"a": map[string]any{"name": "a", "resolved": map[string]any{
			"x": map[string]any{"package_url": "pkg:npm/x@1"},
		}}},
	}
	maps.Copy(s, changes)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]struct {
		token   string
		changes map[string]any
		status  int
		result  any
	}{
		"of the default branch": {write, nil, http.StatusCreated, "SUCCESS"},
		"of a tag":              {write, map[string]any{"ref": "refs/tags/v1"}, http.StatusCreated, "ACCEPTED"},
		"of no ref":             {write, map[string]any{"ref": "main"}, http.StatusUnprocessableEntity, nil},
		"of no commit":          {write, map[string]any{"sha": ""}, http.StatusUnprocessableEntity, nil},
		"of half a commit":      {write, map[string]any{"sha": "0123"}, http.StatusUnprocessableEntity, nil},
		"by nobody":             {write, map[string]any{"job": map[string]any{"id": "1"}}, http.StatusUnprocessableEntity, nil},
		"by a reader":           {read, nil, http.StatusForbidden, nil},
		"by a stranger":         {"", nil, http.StatusUnauthorized, nil},
	} {
		status, answer := w.call(http.MethodPost, snapshots, test.token, snapshotOf(t, test.changes))
		if status != test.status || answer["result"] != test.result {
			t.Errorf("%s: %d %v, want %d with %v", name, status, answer, test.status, test.result)
		}
	}
}
