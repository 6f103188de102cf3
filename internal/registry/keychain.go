package registry

import (
	"fmt"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// dockerHubKey is what docker's config.json calls Docker Hub.
const dockerHubKey = authn.DefaultAuthKey

// keychain finds the login for a host: in the inputs, then in docker's
// configuration.
type keychain struct {
	logins map[string]login
	dir    string

	mu     sync.Mutex // a configuration is not made for concurrent use
	config *configfile.ConfigFile
}

func configKey(host string) string {
	if host == image.DockerHub {
		return dockerHubKey
	}
	return host
}

func (k *keychain) authenticator(host string) (authn.Authenticator, error) {
	if l, ok := k.logins[host]; ok {
		return &authn.Basic{Username: l.user, Password: l.password.Reveal()}, nil
	}
	if k.dir == "" {
		return authn.Anonymous, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.config == nil {
		loaded, err := config.Load(k.dir)
		if err != nil {
			// The library's error may quote the file, and there are passwords in it.
			return nil, hint.New(fmt.Sprintf("read docker's configuration in %q: config.json is not readable as JSON", k.dir),
				"mend or remove it, or give a login for %s as an input", host)
		}
		k.config = loaded
	}
	found, err := k.config.GetAuthConfig(configKey(host))
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("ask docker's credential helper for %q: %w", host, err),
			"mend credHelpers or credsStore in %s/config.json, or give a login for %s as an input", k.dir, host)
	}
	found.ServerAddress = ""
	if found == (types.AuthConfig{}) {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: found.Username, Password: found.Password, Auth: found.Auth,
		IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
	}), nil
}
