package registry

import (
	"errors"
	"fmt"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

// ghcr is the host of GitHub's container registry.
const ghcr = "ghcr.io"

// Credentials are the inputs that log in to registries: an untagged field of a
// step's Config.
type Credentials struct {
	// GitHubToken is for ghcr.io, unless Auth names it.
	GitHubToken       secret.String `input:"github-token"`
	DockerHubUsername string        `input:"dockerhub-username"`
	DockerHubToken    secret.String `input:"dockerhub-token"`
	Auth              AuthList      `input:"registry-auth"`
}

// Validate checks what no single input shows: halves of a login, and two
// logins for Docker Hub.
func (c Credentials) Validate() error {
	var errs []error
	half := func(given, missing, what string) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input %q is given without %q", given, missing),
			"add %q with %s, or leave out both; secrets are empty in runs for pull requests from forks", missing, what))
	}
	switch {
	case c.DockerHubUsername != "" && c.DockerHubToken.IsZero():
		half("dockerhub-username", "dockerhub-token", "an access token of that user")
	case c.DockerHubUsername == "" && !c.DockerHubToken.IsZero():
		half("dockerhub-token", "dockerhub-username", "the user that the token belongs to")
	}
	if c.DockerHubUsername != "" && c.Auth.has(image.DockerHub) {
		errs = append(errs, hint.New(`there are two logins for docker.io: in "registry-auth" and in "dockerhub-username"`, "leave out one of them"))
	}
	return errors.Join(errs...)
}

// login is a user of one registry. Its input is where it came from.
type login struct {
	user     string
	password secret.String
	input    string
}

// logins returns the login for each canonical host.
func (c Credentials) logins() map[string]login {
	logins := map[string]login{}
	if !c.GitHubToken.IsZero() {
		// GitHub looks at the token only, whatever the name.
		logins[ghcr] = login{"x-access-token", c.GitHubToken, "github-token"}
	}
	if c.DockerHubUsername != "" {
		logins[image.DockerHub] = login{c.DockerHubUsername, c.DockerHubToken, "dockerhub-token"}
	}
	for _, a := range c.Auth {
		logins[a.Host] = login{a.Username, a.Password, "registry-auth"}
	}
	return logins
}
