package dockerhub_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// The fields that an answer has, and what they may be in JSON.
type fields map[string]string

var (
	loginRefused = fields{"detail": "string"}
	refused      = fields{"detail": "string", "message": "string"}
	// Two fields are not as they are published: there "images" is one object and
	// "v2" a string. Docker Hub answers with a list and a boolean.
	tag = fields{
		"id": "number", "name": "string", "repository": "number", "full_size": "number", "v2": "boolean", "status": "string", "images": "array",
		"creator": "number", "last_updater": "number", "last_updater_username": "string", "last_updated": "string or null",
		"tag_last_pulled": "string or null", "tag_last_pushed": "string or null",
		"images.0.architecture": "string", "images.0.os": "string", "images.0.digest": "string or null", "images.0.size": "number", "images.0.status": "string",
		"images.0.features": "string", "images.0.os_features": "string", "images.0.last_pulled": "string or null", "images.0.last_pushed": "string or null",
		// Published as strings; Docker Hub has null where there is none.
		"images.0.variant": "string or null", "images.0.os_version": "string or null",
	}
)

// TestAnswersAsPublished holds the operations that Docker publishes, as far as
// a release has to do with them, against what they answer. Repositories are read
// and changed by operations that Docker doesn't publish.
func TestAnswersAsPublished(t *testing.T) {
	t.Parallel()
	const (
		tags         = "/v2/namespaces/acme/repositories/hello/tags"
		reference    = "https://docs.docker.com/reference/api/hub/latest/"
		logins       = reference + "#tag/authentication-api"
		repositories = reference + "#tag/repositories"
	)
	for _, test := range []struct {
		published string
		request   string
		body      string
		status    int
		want      fields
	}{
		{logins, "POST /v2/auth/token", `{"identifier":"acme","secret":"admin"}`, 200, fields{"access_token": "string"}},
		{logins, "POST /v2/auth/token", `{"identifier":"acme","secret":"wrong"}`, 401, fields{"detail": "string", "message": "string", "errinfo": "object"}},
		{logins, "POST /v2/auth/token", `{"identifier":"acme"}`, 401, refused},
		{logins, "POST /v2/auth/token", `{"secret":"admin"}`, 401, refused},
		{logins, "POST /v2/users/login", `{"username":"acme","password":"admin"}`, 200, fields{"token": "string"}},
		{logins, "POST /v2/users/login", `{"username":"acme","password":"wrong"}`, 401, loginRefused},
		{repositories, "GET " + tags, "", 200, prefixed("results.0.", tag, fields{"count": "number", "next": "string or null", "previous": "string or null", "results": "array"})},
		{repositories, "GET " + tags + "?page=1&page_size=1", "", 200, fields{"count": "number", "next": "string", "previous": "null"}},
		{repositories, "GET " + tags + "?page=2&page_size=1", "", 200, fields{"count": "number", "next": "null", "previous": "string"}},
		{repositories, "GET " + tags + "?page=3&page_size=1", "", 404, refused},
		{repositories, "GET " + strings.Replace(tags, "hello", "absent", 1), "", 404, refused},
		{repositories, "HEAD " + tags, "", 200, nil},
		{repositories, "GET " + tags + "/1", "", 200, tag},
		{repositories, "GET " + tags + "/absent", "", 404, refused},
		{repositories, "HEAD " + tags + "/1", "", 200, nil},
		{repositories, "HEAD " + tags + "/absent", "", 404, nil},
	} {
		t.Run(test.request+" "+test.body, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.push(t, "acme/hello", "1", "2")
			method, target, _ := strings.Cut(test.request, " ")
			rec := httptest.NewRecorder()
			w.API().ServeHTTP(rec, httptest.NewRequest(method, target, strings.NewReader(test.body)))
			if rec.Code != test.status {
				t.Fatalf("status %d, want %d: %s\n%s", rec.Code, test.status, rec.Body, test.published)
			}
			if method == http.MethodHead {
				return
			}
			var answer any
			if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			for _, name := range slices.Sorted(maps.Keys(test.want)) {
				if got, want := kind(answer, name), test.want[name]; !slices.Contains(strings.Split(want, " or "), got) {
					t.Errorf("%s is %s, want %s\n%s", name, got, want, test.published)
				}
			}
		})
	}
}

func prefixed(prefix string, of, more fields) fields {
	all := maps.Clone(more)
	for name, kind := range of {
		all[prefix+name] = kind
	}
	return all
}

// kind is what a field is; the steps to it are parted by dots.
func kind(value any, name string) string {
	for step := range strings.SplitSeq(name, ".") {
		switch v := value.(type) {
		case map[string]any:
			field, ok := v[step]
			if !ok {
				return "missing"
			}
			value = field
		case []any:
			var i int
			if n, err := fmt.Sscan(step, &i); n != 1 || err != nil || i >= len(v) {
				return "missing"
			}
			value = v[i]
		}
	}
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
