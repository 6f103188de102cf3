package job_test

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
)

func TestRunURL(t *testing.T) {
	t.Parallel()
	run := job.Job{ServerURL: "https://github.com", Repository: "octocat/hello", RunID: 7}
	if got := run.RunURL(); got != "https://github.com/octocat/hello/actions/runs/7" {
		t.Errorf("URL %q", got)
	}
	run.RunID = 0
	if got := run.RunURL(); got != "" {
		t.Errorf("URL outside of a run %q", got)
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	var wanted struct{ Number int }
	if err := (job.Job{Event: map[string]any{"number": 7.0, "action": "opened"}}).Payload(&wanted); err != nil || wanted.Number != 7 {
		t.Errorf("%v, %v", wanted, err)
	}
	if err := (job.Job{}).Payload(&wanted); err != nil || wanted.Number != 7 {
		t.Errorf("of no event: %v, %v", wanted, err)
	}
	err := job.Job{Event: map[string]any{"number": "seven"}}.Payload(&wanted)
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), " "), "GITHUB_EVENT_PATH") {
		t.Errorf("of another form: %v, hints %q", err, hint.Of(err))
	}
}
