package harbor_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/harbor"
	"github.com/org/release-actions/internal/secret"
)

func TestAnswersAsHarborDoes(t *testing.T) {
	t.Parallel()
	s := harbor.New([]harbor.Account{
		{Name: "dev", Password: secret.New("p"), Projects: []string{"acme"}, Update: true},
		{Name: "guest", Password: secret.New("p"), Projects: []string{"acme"}},
	}, "acme/app", "acme/deep/app", "other/app")
	for _, test := range []struct {
		method, project, repository, user, body string
		want                                    int
		has                                     string
	}{
		{"GET", "acme", "app", "guest", "", 200, `"name":"acme/app"`},
		{"GET", "acme", "deep%252Fapp", "guest", "", 200, `"name":"acme/deep/app"`},
		{"GET", "acme", "app", "", "", 401, "UNAUTHORIZED"},
		{"GET", "other", "app", "dev", "", 403, "FORBIDDEN"},
		{"GET", "acme", "none", "dev", "", 404, "NOT_FOUND"},
		{"PUT", "acme", "app", "guest", `{"description":"x"}`, 403, "FORBIDDEN"},
		{"PUT", "acme", "app", "dev", `{`, 422, "UNPROCESSABLE_ENTITY"},
		{"PUT", "acme", "app", "dev", `{"description":"x"}`, 200, ""},
		{"GET", "acme", "app", "dev", "", 200, `"description":"x"`},
		{"GET", "acme", "deep/app", "dev", "", 404, "NOT_FOUND"},
	} {
		r := httptest.NewRequest(test.method, "/api/v2.0/projects/"+test.project+"/repositories/"+test.repository, strings.NewReader(test.body))
		if test.user != "" {
			r.SetBasicAuth(test.user, "p")
		}
		w := httptest.NewRecorder()
		s.API().ServeHTTP(w, r)
		if w.Code != test.want || !strings.Contains(w.Body.String(), test.has) {
			t.Errorf("%s %s/%s by %q: %d %s, want %d with %s", test.method, test.project, test.repository, test.user, w.Code, w.Body, test.want, test.has)
		}
	}
}
