package quay_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	standin "github.com/org/release-actions/internal/devstack/standin/quay"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/quay"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/webapi"
)

func TestDescriptionsAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(standin.New([]standin.Token{
		{Value: secret.New("planted-writer"), Namespaces: []string{"acme"}, Write: true},
		{Value: secret.New("planted-reader"), Namespaces: []string{"acme"}},
	}, "acme/team/app").API())
	defer server.Close()
	r, err := image.ParseRepository("quay.io/acme/team/app")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		token      string
		want       error
		says, mend string
	}{
		{"planted-reader", webapi.ErrForbidden, `set the page of "quay.io/acme/team/app": 403 Forbidden: Unauthorized`, "repo:write"},
		{"", webapi.ErrUnauthorized, "401 Unauthorized: Requires authentication", "OAuth access token"},
		{"planted-writer", nil, "", ""},
	} {
		c, err := quay.New(server.URL, secret.New(test.token), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = c.SetDescription(t.Context(), r, "# App")
		if !errors.Is(err, test.want) || (err != nil && !strings.Contains(err.Error(), test.says)) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
			t.Errorf("%s: error %v, hints %q", test.token, err, hint.Of(err))
		}
		if text, err := c.Description(t.Context(), r); err != nil || (text == "# App") != (test.want == nil) {
			t.Errorf("%s: %q, %v", test.token, text, err)
		}
	}
}
