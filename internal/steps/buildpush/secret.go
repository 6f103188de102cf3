package buildpush

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

// Mounts holds the inputs that give secrets to a build.
type Mounts struct {
	Values SecretList `input:"secrets"`
	// Envs are id=VARIABLE, Files id=path.
	Envs  []Pair `input:"secret-envs,comma"`
	Files []Pair `input:"secret-files"`
}

// Validate sees to it that every id is given once: of two, buildx would take
// the last without a word.
func (m Mounts) Validate() error {
	ids := m.ids()
	var errs []error
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			errs = append(errs, hint.Wrap(fmt.Errorf("secret %q is given twice in the inputs \"secrets\", \"secret-envs\" and \"secret-files\"", id), "leave one of them out"))
		}
	}
	return errors.Join(errs...)
}

func (m Mounts) ids() (ids []string) {
	for _, s := range m.Values {
		ids = append(ids, s.ID)
	}
	for _, p := range slices.Concat(m.Envs, m.Files) {
		ids = append(ids, p.Name)
	}
	return ids
}

// gitToken is the secret that BuildKit fetches private Git contexts with.
//
// https://docs.docker.com/build/building/secrets/#git-authentication-for-remote-contexts
const gitToken = "GIT_AUTH_TOKEN" //nolint:gosec // the name of one

// withGitToken adds token where the context is the repository of the workflow,
// which it can read, and no secret says otherwise.
func (m Mounts) withGitToken(context string, o origin, token secret.String) Mounts {
	ours := o.Repository != "" && strings.HasPrefix(context, o.repositoryURL())
	if !ours || token.IsZero() || slices.Contains(m.ids(), gitToken) {
		return m
	}
	m.Values = append(slices.Clone(m.Values), Secret{ID: gitToken, Value: token})
	return m
}

// specs returns buildx's secret specifications. Values are written to files in
// the private directory dir, since every user of a machine can read argument
// lists.
func (m Mounts) specs(dir string, env []string) ([]string, error) {
	var specs []string
	for i, s := range m.Values {
		path := filepath.Join(dir, "secret-"+strconv.Itoa(i))
		if err := os.WriteFile(path, []byte(s.Value.Reveal()), 0o600); err != nil {
			return nil, err
		}
		specs = append(specs, fields("id="+s.ID, "src="+path))
	}
	var errs []error
	for _, p := range m.Envs {
		if !hasVariable(env, p.Value) {
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"secret-envs\": there is no variable %q for the secret %q", p.Value, p.Name), "set it under \"env:\" of the step or job"))
		}
		specs = append(specs, fields("id="+p.Name, "env="+p.Value))
	}
	for _, p := range m.Files {
		if info, err := os.Stat(p.Value); err != nil || info.IsDir() {
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"secret-files\": %q for the secret %q is no readable file", p.Value, p.Name),
				"name it from the working directory, and write it in a step before; or give its text in \"secrets\""))
		}
		specs = append(specs, fields("id="+p.Name, "src="+p.Value))
	}
	return specs, errors.Join(errs...)
}
