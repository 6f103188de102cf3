package registry

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestTags(t *testing.T) {
	t.Parallel()
	pages := [][]string{{"1.0.0", "latest"}, {"1.1.0"}}
	status := http.StatusOK
	s := newServer(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		page := 0
		if r.URL.Query().Get("last") != "" {
			page = 1
		} else {
			w.Header().Set("Link", `</v2/org/app/tags/list?last=latest>; rel="next"`)
		}
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = fmt.Fprintf(w, `{"name": "org/app", "tags": ["%s"]}`, strings.Join(pages[page], `","`))
		}
		return true
	})
	repo := s.repo(t)
	got, err := client(t, Credentials{}, Options{}).Tags(t.Context(), repo)
	if want := []string{"1.0.0", "latest", "1.1.0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	status = http.StatusNotFound
	if got, err := client(t, Credentials{}, Options{}).Tags(t.Context(), repo); len(got) > 0 || err != nil {
		t.Errorf("a repository that isn't there: %q, %v", got, err)
	}
	status = http.StatusForbidden
	_, err = client(t, Credentials{}, Options{}).Tags(t.Context(), repo)
	if !errors.Is(err, ErrDenied) || len(hint.Of(err)) != 1 || !strings.Contains(err.Error(), "list the tags of") {
		t.Errorf("%v, %q", err, hint.Of(err))
	}
}
