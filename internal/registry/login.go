package registry

import (
	"context"
	"encoding/json"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/org/release-actions/internal/image"
)

// LoginConfig returns a config.json for a program that reads docker's: it has
// the logins to these hosts, and no others. Credential helpers were asked by
// then, so that the program needs neither them nor what they read.
func (c *Client) LoginConfig(ctx context.Context, hosts ...string) ([]byte, error) {
	auths := map[string]authn.AuthConfig{}
	for _, host := range hosts {
		host = image.CanonicalHost(host)
		auth, err := c.keychain.authenticator(host)
		if err != nil {
			return nil, err
		}
		login, err := authn.Authorization(ctx, auth)
		if err != nil {
			return nil, err
		}
		if *login != (authn.AuthConfig{}) {
			auths[configKey(host)] = *login
		}
	}
	return json.Marshal(map[string]any{"auths": auths})
}
