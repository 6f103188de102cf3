package registry

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestDeleteManifest(t *testing.T) {
	t.Parallel()
	s := newServer(t, true)
	c := client(t, Credentials{}, Options{})
	p := s.push(t, randomImage(t))
	if err := c.DeleteManifest(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if there, err := c.Exists(t.Context(), p); there || err != nil {
		t.Errorf("it exists: %v, %v", there, err)
	}
	if err := c.DeleteManifest(t.Context(), p); !errors.Is(err, ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
}

func TestRegistriesThatDontDelete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		code   string
		kind   error
		mend   string
	}{
		"turned off": {http.StatusMethodNotAllowed, "UNSUPPORTED", ErrUnsupported, "REGISTRY_STORAGE_DELETE_ENABLED=true"},
		"no login":   {http.StatusUnauthorized, "UNAUTHORIZED", ErrDenied, `"registry-auth"`},
		"no right":   {http.StatusForbidden, "DENIED", ErrDenied, "may write in the repository"},
	} {
		s := newServer(t, true, fault(-1, "DELETE", "", func(w http.ResponseWriter) { refuse(w, test.status, test.code, "no") }))
		p := s.push(t, randomImage(t))
		err := client(t, Credentials{}, Options{}).DeleteManifest(t.Context(), p)
		if hints := hint.Of(err); !errors.Is(err, test.kind) || len(hints) != 1 || !strings.Contains(hints[0], test.mend) {
			t.Errorf("%s: %v %q", name, err, hints)
		}
	}
}
