package scan

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

func TestCodeScanningThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	off := func(o *github.Options) { o.NoCodeScanning = true }
	for name, test := range map[string]struct {
		options    []func(*github.Options)
		spoil      func(*world)
		want, mend string
	}{
		"turned off": {[]func(*github.Options){off}, nil, "must be enabled", "turn on code scanning"},
		"no permission": {nil, func(w *world) {
			w.deps.GitHub = w.client(w.server(403, `{"message":"Resource not accessible by integration"}`), "x")
		}, "403 Resource not accessible", "security-events: write"},
		"refused by GitHub": {nil, func(w *world) { w.deps.Job.Ref = "main" }, "fully qualified reference", ""},
		"unavailable": {nil, func(w *world) {
			w.deps.GitHub = w.client(w.server(502, ""), "x")
		}, "502", "githubstatus"},
		"processed and refused": {nil, func(w *world) {
			w.deps.GitHub = w.client(w.server(202, `{"id":"1","processing_status":"failed","errors":["too odd"]}`), "x")
		}, "refused by GitHub: too odd", ""},
		"never processed": {nil, func(w *world) {
			w.deps.GitHub = w.client(w.server(202, `{"id":"1","processing_status":"pending"}`), "x")
		}, "has not processed the findings within", "later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, trivytest.Plan{}, test.options...)
			if test.spoil != nil {
				test.spoil(w)
			}
			cfg := w.config(w.push("1", "linux/amd64", "linux/arm64"))
			cfg.RetryFor = 1
			if result, err := w.run(cfg); err != nil || result.uploaded || strings.Count(w.log.String(), "code scanning doesn't show") != 1 || !strings.Contains(w.log.String(), test.want) {
				t.Errorf("error %v\n%s", err, w.log)
			}
			cfg.Upload = uploadRequired
			_, err := w.run(cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend) {
				t.Errorf("error %v with %q", err, hint.Of(err))
			}
		})
	}
}

// server answers everything alike; what was accepted is there on the next question.
func (w *world) server(status int, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && status == http.StatusAccepted {
			rw.WriteHeader(http.StatusOK)
		} else {
			rw.WriteHeader(status)
		}
		_, _ = rw.Write([]byte(body))
	}))
	w.t.Cleanup(server.Close)
	return server.URL
}

func TestOutsideOfAWorkflowNothingIsUploaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{})
	w.deps.GitHub = nil
	cfg := w.config(w.push("1", "linux/amd64"))
	if result, err := w.run(cfg); err != nil || result.uploaded || strings.Contains(w.log.String(), "code scanning") {
		t.Errorf("%v\n%s", err, w.log)
	}
	cfg.Upload = uploadRequired
	if _, err := w.run(cfg); err == nil || !strings.Contains(err.Error(), "no workflow") {
		t.Errorf("error %v", err)
	}
}
