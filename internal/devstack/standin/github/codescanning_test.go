package github_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
)

const sarifs = "https://api.github.com/repos/acme/hello/code-scanning/sarifs"

// sarif is the body of an upload.
func sarif(t *testing.T, ref, text string) string {
	t.Helper()
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"commit_sha":%q,"ref":%q,"sarif":%q}`, commit, ref, base64.StdEncoding.EncodeToString(zipped.Bytes()))
}

func run(category, uri string) string {
	return `{"tool":{"driver":{"name":"T","rules":[{"id":"r"}]}},"automationDetails":{"id":"` + category + `"},
		"results":[{"ruleId":"r","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"` + uri + `"}}}]}]}`
}

func file(runs ...string) string {
	return `{"version":"2.1.0","runs":[` + strings.Join(runs, ",") + `]}`
}

func TestCodeScanningKeepsACategoryOfEachRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status, answer := w.call(http.MethodPost, sarifs, write, sarif(t, "refs/tags/v1", file(run("a/amd64/", "bin/x"), run("a/arm64/", "bin/x"))))
	id, _ := answer["id"].(string)
	if status != http.StatusAccepted || id == "" {
		t.Fatalf("%d %v", status, answer)
	}
	for _, want := range []string{"pending", "complete"} {
		if _, answer := w.call(http.MethodGet, sarifs+"/"+id, write, ""); answer["processing_status"] != want {
			t.Errorf("%v, want %s", answer, want)
		}
	}
	if status, _ := w.call(http.MethodGet, sarifs+"/other", write, ""); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
}

func TestCodeScanningRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := file(run("a/", "bin/x"))
	for name, test := range map[string]struct {
		token, body string
		want        int
	}{
		"no permission": {read, sarif(t, "refs/heads/main", good), http.StatusForbidden},
		"short ref":     {write, sarif(t, "main", good), http.StatusUnprocessableEntity},
		"not zipped":    {write, `{"commit_sha":"` + commit + `","ref":"refs/heads/main","sarif":"e30="}`, http.StatusBadRequest},
	} {
		if status, answer := w.call(http.MethodPost, sarifs, test.token, test.body); status != test.want {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	for want, text := range map[string]string{
		"invalid JSON":              "x",
		"unsupported SARIF version": `{"version":"2.0.0","runs":[]}`,
		"more runs than allowed":    file(strings.Split(strings.Repeat(`{"tool":{"driver":{"name":"T"}}} `, 21), " ")[:21]...),
		"one tool and category":     file(run("a/", "x"), run("a/", "x")),
		"artifact location":         file(run("a/", "/etc/passwd")),
		"physical location":         `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":[{}]}]}`,
		"without a tool":            `{"version":"2.1.0","runs":[{}]}`,
	} {
		_, answer := w.call(http.MethodPost, sarifs, write, sarif(t, "refs/heads/main", text))
		id, _ := answer["id"].(string)
		w.call(http.MethodGet, sarifs+"/"+id, write, "")
		_, answer = w.call(http.MethodGet, sarifs+"/"+id, write, "")
		if answer["processing_status"] != "failed" || !strings.Contains(fmt.Sprint(answer["errors"]), want) {
			t.Errorf("%s: %v", want, answer)
		}
	}
	off := newWorld(t, func(o *github.Options) { o.NoCodeScanning = true })
	if status, answer := off.call(http.MethodPost, sarifs, write, sarif(t, "refs/heads/main", good)); status != http.StatusForbidden || !strings.Contains(fmt.Sprint(answer), "enabled") {
		t.Errorf("%d %v", status, answer)
	}
}
