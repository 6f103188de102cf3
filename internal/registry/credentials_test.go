package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

func TestNewRefusesHalfLogins(t *testing.T) {
	t.Parallel()
	token := secret.New("pass-word-1")
	for name, test := range map[string]struct {
		credentials Credentials
		want        string
	}{
		"no token":   {Credentials{DockerHubUsername: "ann"}, `input "dockerhub-username" is given without "dockerhub-token"`},
		"no user":    {Credentials{DockerHubToken: token}, `input "dockerhub-token" is given without "dockerhub-username"`},
		"two logins": {Credentials{DockerHubUsername: "ann", DockerHubToken: token, Auth: AuthList{{"docker.io", "bob", token}}}, "two logins for docker.io"},
		"good":       {Credentials{DockerHubUsername: "ann", DockerHubToken: token, GitHubToken: token}, ""},
		"none":       {Credentials{}, ""},
	} {
		_, err := New(test.credentials, Options{})
		if test.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || len(hint.Of(err)) == 0 {
			t.Errorf("%s: error %v, want one with %q and a hint", name, err, test.want)
		}
	}
}

func TestAuthListReadsLogins(t *testing.T) {
	t.Parallel()
	var list AuthList
	text := `
- registry: https://Quay.io
  username: ann
  password: 0123
- username: bob
  password: "a: b # c"
`
	if err := list.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, a := range list {
		got += a.Host + " " + a.Username + " " + a.Password.Reveal() + "\n"
	}
	if want := "quay.io ann 0123\ndocker.io bob a: b # c\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := list.Secrets(); len(s) != 2 || s[0] != "0123" || s[1] != "a: b # c" {
		t.Errorf("secrets %q", s)
	}
	if text := fmt.Sprintf("%v %+v %#v", list, list, list); strings.Contains(text, "0123") {
		t.Errorf("printed as %s", text)
	}
	for _, nothing := range []string{"", "\n", "# none\n", "[]", "null", "---\n"} {
		var list AuthList
		if err := list.UnmarshalText([]byte(nothing)); err != nil || len(list) != 0 {
			t.Errorf("%q: %v, %v", nothing, list, err)
		}
	}
}

func TestAuthListErrorsShowNoPassword(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hunter2":                                         "line 1 is not a list item",
		"registry: hunter2":                               "line 1 is not a list item",
		"- hunter2":                                       "line 1 is not a mapping",
		"- registry: a.io\n  hunter2: x":                  "line 2 has a key that is not registry, username or password",
		"- registry: a.io\n  hunter2":                     "is not YAML",
		"- password: *hunter2":                            "is not YAML",
		"- password: hunter2: x":                          "is not YAML",
		"- password: [hunter2]":                           "line 1: password is not plain text",
		"- password: {hunter2: x}":                        "line 1: password is not plain text",
		"- password: &a hunter2\n- *a":                    "registry \"docker.io\" has no username",
		"- {password: x, password: h}":                    "line 1: password is given twice",
		"- username: ann":                                 `registry "docker.io" has no password`,
		"- registry: a.io\n  password: pw":                `registry "a.io" has no username`,
		"- {registry: a.io, username: ann, password: ''}": `registry "a.io" has no password`,
		"- {registry: a.io, username: ann, password: ~}":  `registry "a.io" has no password`,
		"- {registry: a.io, username: a, password: hunter2}\n- {registry: a.io, username: b, password: hunter2}":            `registry "a.io" has two logins`,
		"- {registry: docker.io, username: a, password: hunter2}\n- {registry: index.docker.io, username: b, password: pw}": `registry "docker.io" has two logins`,
		"[]\n---\n- password: hunter2": "more than one YAML document",
	} {
		var list AuthList
		err := list.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
			continue
		}
		if shown := err.Error() + strings.Join(hint.Of(err), ""); strings.Contains(shown, "hunter2") {
			t.Errorf("%q: error shows the password: %s", text, shown)
		}
	}
}

func FuzzAuthList(f *testing.F) {
	f.Add("- registry: a.io\n  username: ann\n  password: hunter2")
	f.Add("- {password: *hunter2}")
	f.Add("? [hunter2]\n: !!binary x")
	f.Fuzz(func(t *testing.T, text string) {
		var list AuthList
		err := list.UnmarshalText([]byte(text))
		if err != nil {
			if strings.Contains(err.Error()+strings.Join(hint.Of(err), ""), "hunter2") && !strings.Contains(hostsOf(text), "hunter2") {
				t.Errorf("the error shows what was written: %v", err)
			}
			return
		}
		for _, a := range list {
			if a.Host == "" || a.Username == "" || a.Password.IsZero() {
				t.Errorf("accepted %q: %+v", text, a)
			}
		}
		if _, err := DockerConfig(Credentials{Auth: list}, nil); err != nil {
			t.Error(err)
		}
	})
}

// hostsOf returns the lines that may name a registry, which errors do quote.
func hostsOf(text string) string {
	if strings.Contains(strings.ToLower(text), "registry") {
		return strings.ToLower(text)
	}
	return ""
}

func FuzzDockerConfig(f *testing.F) {
	f.Add([]byte(`{"auths":{"ghcr.io":{"auth":"YTpi"}},"credsStore":"x","credHelpers":{"quay.io":"y"}}`))
	f.Add([]byte(`{"auths":null}`))
	f.Fuzz(func(t *testing.T, existing []byte) {
		made, err := DockerConfig(loginAs("ghcr.io", "ann", "pass-word-1"), existing)
		if err != nil {
			return
		}
		again, err := DockerConfig(loginAs("ghcr.io", "ann", "pass-word-1"), made)
		if err != nil || string(again) != string(made) {
			t.Errorf("made once: %s\ntwice: %s, %v", made, again, err)
		}
	})
}

const existingConfig = `{
	"auths": {
		"ghcr.io": {"identitytoken": "old"},
		"https://index.docker.io/v1/": {"auth": "b2xkOm9sZA=="},
		"registry-1.docker.io": {"auth": "b2xkOm9sZA=="},
		"quay.io": {"auth": "cXVheTp1c2Vy"}
	},
	"credHelpers": {"ghcr.io": "old", "gcr.io": "gcloud"},
	"credsStore": "desktop",
	"proxies": {"default": {"httpProxy": "http://proxy"}},
	"unknown-to-us": [1, 2]
}`

func TestDockerConfigHoldsOurLoginsAndTheOthers(t *testing.T) {
	t.Parallel()
	credentials := Credentials{
		GitHubToken: secret.New("gh-token"), DockerHubUsername: "ann", DockerHubToken: secret.New("pass-word-1"),
	}
	for name, existing := range map[string]string{
		"empty":    "",
		"no store": strings.Replace(existingConfig, "desktop", "", 1),
		"store":    existingConfig,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, err := DockerConfig(credentials, []byte(existing))
			if err != nil {
				t.Fatal(err)
			}
			// Docker's own reader says who logs in where.
			loaded, err := config.LoadFromReader(strings.NewReader(string(made)))
			if err != nil {
				t.Fatal(err)
			}
			for host, want := range map[string]string{
				"ghcr.io": "x-access-token gh-token", "https://index.docker.io/v1/": "ann pass-word-1",
			} {
				got, err := loaded.GetAuthConfig(host)
				if err != nil || got.Username+" "+got.Password != want || got.IdentityToken != "" {
					t.Errorf("%s: %s %s, %v, want %s", host, got.Username, got.Password, err, want)
				}
			}
			if existing == "" {
				return
			}
			if loaded.CredentialHelpers["gcr.io"] != "gcloud" || loaded.AuthConfigs["quay.io"].Username != "quay" ||
				loaded.Proxies["default"].HTTPProxy != "http://proxy" || !strings.Contains(string(made), "unknown-to-us") {
				t.Errorf("something of the existing configuration is lost:\n%s", made)
			}
			if _, ok := loaded.AuthConfigs["registry-1.docker.io"]; ok {
				t.Errorf("an old login for Docker Hub is left:\n%s", made)
			}
		})
	}
}

func TestDockerConfigRefusesWhatDockerDoesNotWrite(t *testing.T) {
	t.Parallel()
	for _, existing := range []string{"hunter2", `{"auths":"hunter2"}`, `{"credHelpers":["hunter2"]}`, `{"auths":{"hunter2`, "[]"} {
		_, err := DockerConfig(Credentials{}, []byte(existing))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", existing, err)
		}
	}
}

func TestDockersOwnLoginsServeWhereNoInputDoes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("config.json", `{"auths":{"quay.io":{"auth":"YW5uOnBhc3Mtd29yZC0x"},"https://index.docker.io/v1/":{"auth":"aHViOnBhc3Mtd29yZC0x"}},
		"credHelpers":{"gcr.io":"test","broken.io":"missing"}}`, 0o600)
	write("docker-credential-test", "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"helped\",\"Secret\":\"pass-word-1\"}'\n", 0o700)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	c := client(t, Credentials{GitHubToken: secret.New("gh-token")}, Options{DockerConfigDir: dir})
	for host, want := range map[string]string{
		"quay.io": "ann", "docker.io": "hub", "gcr.io": "helped", "ghcr.io": "x-access-token", "example.com": "",
	} {
		auth, err := c.keychain.authenticator(host)
		if err != nil {
			t.Fatal(err)
		}
		got, err := authn.Authorization(t.Context(), auth)
		if err != nil || got.Username != want {
			t.Errorf("%s: user %q, %v, want %q", host, got.Username, err, want)
		}
	}
	err := c.CheckPush(t.Context(), repository(t, "broken.io/org/app"))
	if err == nil || !strings.Contains(err.Error(), "credential helper") || len(hint.Of(err)) == 0 {
		t.Errorf("a missing helper: error %v", err)
	}
}

func TestABrokenDockerConfigIsAnErrorOnlyWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"quay.io":{"auth":"pass-word-1"`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(t, Credentials{GitHubToken: secret.New("gh-token")}, Options{DockerConfigDir: dir})
	if _, err := c.keychain.authenticator("ghcr.io"); err != nil {
		t.Error(err)
	}
	err := c.CheckPush(t.Context(), repository(t, "quay.io/org/app"))
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error %v, want one that names %s", err, dir)
	}
	secretless(t, err)
}
