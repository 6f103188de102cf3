package standin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin"
)

func TestUndescribedExchangesAreKept(t *testing.T) {
	t.Parallel()
	const refusal = `{"type": "object", "properties": {"message": {}, "documentation_url": {}, "status": {}}}`
	description := filepath.Join(t.TempDir(), "description.json")
	if err := os.WriteFile(description, []byte(`{"openapi": "3.0.3", "info": {"title": "", "version": ""},
		"paths": {"/rate_limit": {"get": {"responses": {"200": {"description": ""}}}}},
		"components": {"schemas": {"basic-error": `+refusal+`, "validation-error": `+refusal+`}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	servers, transport := start(t, standin.Options{GitHubDescription: description})
	for _, path := range []string{"rate_limit", "repos/acme/hello", "repos/acme/hello", "nothing"} {
		get(t, transport, "https://api.github.com/"+path)
	}
	if got := servers.Undescribed(); len(got) != 1 || !strings.HasPrefix(got[0], "GET /repos/acme/hello, answered 200: there is no such operation") {
		t.Errorf("%q", got)
	}
	if _, err := standin.Start(t.Context(), standin.Options{Dir: t.TempDir(), GitHubDescription: "/nowhere"}); err == nil || !strings.Contains(err.Error(), "GitHub's description") {
		t.Errorf("error %v", err)
	}
}
