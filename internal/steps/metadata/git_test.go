package metadata

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/job"
)

func TestTheRefThatIsCheckedOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, steps string // git commands; "commit" is an empty one
		want        string // "!" is an error
	}{
		{"a branch", "commit; checkout -q -b feature/x", "refs/heads/feature/x"},
		{"a branch without a commit", "", "refs/heads/main"},
		{"a tag", "commit; tag rel/1.0; checkout -q rel/1.0", "refs/tags/rel/1.0"},
		{"an annotated tag", "commit; tag -a v1 -m x; checkout -q v1", "refs/tags/v1"},
		{"several tags", "commit; tag v10; tag v9; tag v2; checkout -q --detach", "refs/tags/v9"},
		{"a tag and a remote's branch", "commit; tag v1; update-ref refs/remotes/origin/main HEAD; checkout -q --detach", "refs/tags/v1"},
		{"a remote's branch", "commit; update-ref refs/remotes/origin/feature/x HEAD; checkout -q --detach", "refs/heads/feature/x"},
		{"a remote's HEAD", "commit; update-ref refs/remotes/origin/main HEAD; symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main; checkout -q --detach", "refs/heads/main"},
		{"a pull request", "commit; update-ref refs/remotes/pull/42/merge HEAD; checkout -q --detach", "refs/pull/42/merge"},
		{"a commit that only a branch points to", "commit; checkout -q --detach", "!"},
		{"an old commit of a branch", "commit; commit; tag v1; checkout -q HEAD~1", "refs/heads/main"},
		{"an old commit of a remote's branch", "commit; commit; update-ref refs/remotes/origin/dev HEAD; checkout -q HEAD~1; branch -D main", "refs/heads/dev"},
		{"an old commit of tags", "commit; commit; tag v1; tag v2; checkout -q HEAD~1; branch -D main", "refs/tags/v1"},
		{"a commit that nothing has", "commit; checkout -q --detach; branch -D main", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			commands := [][]string{{"init", "-q", "-b", "main"}}
			for step := range strings.SplitSeq(test.steps, "; ") {
				args := strings.Fields(strings.Replace(step, "commit", "commit -q --allow-empty -m x", 1))
				if len(args) > 0 {
					commands = append(commands, args)
				}
			}
			steps, err := json.Marshal(commands)
			if err != nil {
				t.Fatal(err)
			}
			dir, environ := workingTree(t, steps)
			got, err := gitRef(t.Context(), Deps{Job: job.Job{Workspace: dir}, Environ: environ})
			if err != nil {
				got = "!"
			}
			if got != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}
