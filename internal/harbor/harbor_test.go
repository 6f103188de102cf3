package harbor_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	standin "github.com/org/release-actions/internal/devstack/standin/harbor"
	"github.com/org/release-actions/internal/harbor"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/webapi"
)

func TestDescriptionsAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(standin.New([]standin.Account{
		{Name: "dev", Password: secret.New("planted"), Projects: []string{"acme"}, Update: true},
		{Name: "guest", Password: secret.New("planted"), Projects: []string{"acme"}},
	}, "acme/team/app").API())
	defer server.Close()
	r, err := image.ParseRepository("harbor.example.com/acme/team/app")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		user       string
		want       error
		says, mend string
	}{
		{"guest", webapi.ErrForbidden, `set the page of "harbor.example.com/acme/team/app": 403 Forbidden`, "Read and Update of Repository"},
		{"nobody", webapi.ErrUnauthorized, "401 Unauthorized", "robot$project+name"},
		{"", webapi.ErrUnauthorized, "401 Unauthorized", "user name"},
		{"dev", nil, "", ""},
	} {
		c, err := harbor.New(server.URL, test.user, secret.New("planted"), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = c.SetDescription(t.Context(), r, "# App")
		if !errors.Is(err, test.want) || (err != nil && !strings.Contains(err.Error(), test.says)) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
			t.Errorf("%q: error %v, hints %q", test.user, err, hint.Of(err))
		}
		if test.want != nil {
			continue
		}
		if text, err := c.Description(t.Context(), r); err != nil || text != "# App" {
			t.Errorf("%q: %q, %v", test.user, text, err)
		}
	}
}
