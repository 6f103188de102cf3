// Package githubtest has tests hold the stand-in against GitHub's description
// of its API, and with it all clients that they drive.
package githubtest

import (
	"os"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
)

// descriptionVariable names the file with the description. "make unit" sets it.
const descriptionVariable = "RELEASE_ACTIONS_GITHUB_DESCRIPTION"

// Judge fails the test for each request or answer that GitHub doesn't describe.
// It is nil, and judges nothing, where no description is given.
func Judge(tb testing.TB) github.Judge {
	tb.Helper()
	path := os.Getenv(descriptionVariable)
	if path == "" {
		return nil
	}
	judge, err := github.NewJudge(path, func(err error) { tb.Errorf("not as GitHub describes it: %v", err) })
	if err != nil {
		tb.Fatal(err)
	}
	return judge
}
