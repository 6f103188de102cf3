package ghapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

func TestUploadSARIF(t *testing.T) {
	t.Parallel()
	var sent map[string]string
	asked := 0
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/api/v3/repos/octocat/hello/code-scanning/sarifs":
			if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"47177e22","url":"x"}`)
		case r.URL.Path == "/api/v3/repos/octocat/hello/code-scanning/sarifs/47177e22":
			// As it is at first.
			if asked++; asked == 1 {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = io.WriteString(w, `{"processing_status":"complete","analyses_url":"x"}`)
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	})
	err := c.UploadSARIF(t.Context(), ghapi.SARIF{
		Commit: "c0ffee", Ref: "refs/tags/v1", Gzip: []byte("zip"), CheckoutURI: "file:///w", Started: time.Unix(0, 0).UTC(), Tool: "Trivy",
	}, time.Minute)
	want := map[string]string{
		"commit_sha": "c0ffee", "ref": "refs/tags/v1", "sarif": "emlw", "checkout_uri": "file:///w", "started_at": "1970-01-01T00:00:00Z", "tool_name": "Trivy",
	}
	if err != nil || asked != 2 || len(sent) != len(want) {
		t.Errorf("error %v, asked %d times, sent %v", err, asked, sent)
	}
	for name, value := range want {
		if sent[name] != value {
			t.Errorf("%s is %q, want %q", name, sent[name], value)
		}
	}
}

func TestUploadThatFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		status       int
		body, answer string
		kind         error
		text, mend   string
	}{
		{"no permission", 403, `{"message":"Resource not accessible by integration"}`, "", ghapi.ErrForbidden, "403 Resource not accessible", `grant "security-events: write"`},
		{"turned off", 403, `{"message":"Code Security must be enabled for this repository to use code scanning."}`, "", ghapi.ErrForbidden, "must be enabled", "turn on code scanning"},
		{"no ID", 202, `{}`, "", nil, "the answer has no ID", ""},
		{"refused", 202, `{"id":"1"}`, `{"processing_status":"failed","errors":["a","b"]}`, ghapi.ErrRefused, "refused by GitHub: a; b", ""},
		{"never done", 202, `{"id":"1"}`, `{"processing_status":"pending"}`, nil, "has not processed the findings within 1ns", "githubstatus"},
	} {
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, test.answer)
				return
			}
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		err := c.UploadSARIF(t.Context(), ghapi.SARIF{}, 1)
		if err == nil || !strings.Contains(err.Error(), test.text) || test.kind != nil && !errors.Is(err, test.kind) {
			t.Errorf("%s: error %v", test.name, err)
		}
		if mends := hint.Of(err); test.mend != "" && (len(mends) != 1 || !strings.Contains(mends[0], test.mend)) {
			t.Errorf("%s: hints %q", test.name, mends)
		}
	}
}
