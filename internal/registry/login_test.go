package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/org/release-actions/internal/secret"
)

func TestLoginConfigHasTheLoginsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"quay.io":{"auth":"Ym9iOnB3"},"example.com":{"auth":"eDp5"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Credentials{GitHubToken: secret.New("ghs_x"), DockerHubUsername: "ann", DockerHubToken: secret.New("dckr")}, Options{DockerConfigDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		hosts []string
		want  map[string]string // host → user:password
	}{
		{nil, map[string]string{}},
		{[]string{"nowhere.example"}, map[string]string{}},
		{[]string{"docker.io"}, map[string]string{"https://index.docker.io/v1/": "ann:dckr"}},
		{[]string{"ghcr.io", "quay.io"}, map[string]string{"ghcr.io": "x-access-token:ghs_x", "quay.io": "bob:pw"}},
	} {
		text, err := c.LoginConfig(t.Context(), test.hosts...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Auths map[string]struct{ Auth []byte }
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Auths) != len(test.want) {
			t.Errorf("%v: %s", test.hosts, text)
		}
		for host, login := range test.want {
			if string(got.Auths[host].Auth) != login {
				t.Errorf("%v: %s has the login %q, want %q", test.hosts, host, got.Auths[host].Auth, login)
			}
		}
	}
}
