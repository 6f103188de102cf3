package registry

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/lines"
	"github.com/org/release-actions/internal/secret"
)

// Auth is a login to one registry.
type Auth struct {
	Host     string // canonical: see image.CanonicalHost
	Username string
	Password secret.String
}

// AuthList is the input registry-auth: a YAML list of mappings with the keys
// registry, username and password. Without registry it is Docker Hub, as
// docker/login-action has it.
type AuthList []Auth

const authShape = `write a list such as "- registry: quay.io", with "username:" and "password:" under it, values that hold special characters in quotes`

func (l AuthList) has(host string) bool {
	return slices.ContainsFunc(l, func(a Auth) bool { return a.Host == host })
}

// Secrets returns the passwords, to be masked.
func (l AuthList) Secrets() []string {
	var secrets []string
	for _, a := range l {
		secrets = append(secrets, a.Password.Secrets()...)
	}
	return secrets
}

// UnmarshalText parses the YAML. Its errors tell lines and registries, and
// nothing of what else is written there.
func (l *AuthList) UnmarshalText(text []byte) error {
	var list AuthList
	err := lines.Mappings(text, authShape, func(item *yaml.Node) error {
		auth, err := parseAuth(item)
		if err == nil && list.has(auth.Host) {
			err = fmt.Errorf("registry %q has two logins", auth.Host)
		}
		if err == nil {
			list = append(list, auth)
		}
		return err
	})
	*l = list
	return err
}

func parseAuth(item *yaml.Node) (Auth, error) {
	values := map[string]string{}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		if key.Kind != yaml.ScalarNode || !slices.Contains([]string{"registry", "username", "password"}, key.Value) {
			return Auth{}, hint.New(fmt.Sprintf("line %d has a key that is not registry, username or password", key.Line), authShape)
		}
		if value.Kind != yaml.ScalarNode {
			return Auth{}, hint.New(fmt.Sprintf("line %d: %s is not plain text", value.Line, key.Value), authShape)
		}
		if _, twice := values[key.Value]; twice {
			return Auth{}, fmt.Errorf("line %d: %s is given twice", key.Line, key.Value)
		}
		if value.Tag == "!!null" {
			value.Value = ""
		}
		// The text as written: a password of digits is no number.
		values[key.Value] = value.Value
	}
	auth := Auth{Host: image.CanonicalHost(values["registry"]), Username: values["username"], Password: secret.New(values["password"])}
	for _, key := range []string{"username", "password"} {
		if values[key] == "" {
			return Auth{}, hint.New(fmt.Sprintf("registry %q has no %s", auth.Host, key),
				"add it; secrets are empty in runs for pull requests from forks")
		}
	}
	return auth, nil
}
