package rehearsal

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

var githubScript = regexp.MustCompile(`uses: (actions/github-script@[0-9a-f]{40})`)

// scriptArguments have act run the stand-in for the one action that the project
// uses, which act fetches wherever it is named, whether it runs or not.
func (s *Stage) scriptArguments() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(s.Action, "action.yml"))
	if err != nil {
		return nil, err
	}
	var args []string
	if m := githubScript.FindSubmatch(text); m != nil {
		args = append(args, "--local-repository", string(m[1])+"="+s.Script)
	}
	return args, nil
}

// cacheArguments have act serve GitHub's cache from the folder dir, and give
// the right to use it to all steps; none of both where dir is "".
func cacheArguments(dir string) ([]string, error) {
	if dir == "" {
		return []string{"--no-cache-server"}, nil
	}
	// The token comes with act's server for artifacts, which wants to know its port.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // as it was asked for
	if err := listener.Close(); err != nil {
		return nil, err
	}
	return []string{
		"--cache-server-path", filepath.Join(dir, "cache"), "--cache-server-addr", "127.0.0.1",
		"--artifact-server-path", filepath.Join(dir, "artifacts"), "--artifact-server-addr", "127.0.0.1", "--artifact-server-port", strconv.Itoa(port),
	}, nil
}
