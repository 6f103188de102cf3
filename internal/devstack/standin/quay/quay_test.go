package quay_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/quay"
	"github.com/org/release-actions/internal/secret"
)

func TestAnswersAsQuayDoes(t *testing.T) {
	t.Parallel()
	s := quay.New([]quay.Token{
		{Value: secret.New("writer"), Namespaces: []string{"acme"}, Write: true},
		{Value: secret.New("reader"), Namespaces: []string{"acme"}},
	}, "acme/app", "other/app")
	const path = "/api/v1/repository/"
	for _, test := range []struct {
		method, name, token, body string
		want                      int
		has                       string
	}{
		{"GET", "acme/app", "", "", 200, `"description":null`},
		{"GET", "acme/app?includeTags=false", "", "", 200, `"name":"app"`},
		{"GET", "acme/none", "", "", 401, "Requires authentication"},
		{"GET", "acme/none", "writer", "", 404, "not_found"},
		{"GET", "other/none", "writer", "", 403, "insufficient_scope"},
		{"GET", "acme/app", "wrong", "", 401, "invalid_token"},
		{"PUT", "acme/app", "", `{"description":"x"}`, 401, "invalid_token"},
		{"PUT", "acme/app", "reader", `{"description":"x"}`, 403, "insufficient_scope"},
		{"PUT", "other/app", "writer", `{"description":"x"}`, 403, "insufficient_scope"},
		{"PUT", "acme/none", "writer", `{"description":"x"}`, 404, "not_found"},
		{"PUT", "acme/app", "writer", `{}`, 400, "required property"},
		{"PUT", "acme/app", "writer", `{"description":"x"}`, 200, `"success":true`},
		{"GET", "acme/app", "", "", 200, `"description":"x"`},
		{"DELETE", "acme/app", "writer", "", 404, "not_found"},
	} {
		r := httptest.NewRequest(test.method, path+test.name, strings.NewReader(test.body))
		if test.token != "" {
			r.Header.Set("Authorization", "Bearer "+test.token)
		}
		w := httptest.NewRecorder()
		s.API().ServeHTTP(w, r)
		if w.Code != test.want || !strings.Contains(w.Body.String(), test.has) {
			t.Errorf("%s %s by %q: %d %s, want %d with %s", test.method, test.name, test.token, w.Code, w.Body, test.want, test.has)
		}
	}
	if got := s.Description("acme/app"); got != "x" {
		t.Errorf("description is %q", got)
	}
}
