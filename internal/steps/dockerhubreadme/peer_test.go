package dockerhubreadme_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
)

// better are the recorded runs of peter-evans/dockerhub-description that this
// step differs from on purpose, and why.
var better = map[string]string{
	"url-completion/03": "a rooted path is one of the repository: no second slash",
	"url-completion/13": "//host is another host",
	"url-completion/26": "an address in angle brackets is completed inside of them",
	"url-completion/34": "space in front of an address stays there",
	"url-completion/39": "an address in angle brackets is completed inside of them",
	"url-completion/40": "reference links are completed",
	"url-completion/41": "reference links are completed",
	"url-completion/42": "reference links are completed",
	"url-completion/44": "HTML links are completed",
	"url-completion/46": "code stays as it is",
	"url-completion/47": "code stays as it is",
	"url-completion/89": "reference links are completed",

	"enable-flag/0": "false is false",
	"enable-flag/3": "0 is no boolean",
	"enable-flag/4": "no is no boolean",
	"enable-flag/5": "FALSE is false",

	"readme-filepath/4": "a file's path starts at the repository's root",
	"readme-filepath/6": "a path's slashes are not doubled",
	"context/5":         "links to an unknown repository are refused",

	"truncate-full/25001":             "a cut text ends with a note",
	"truncate-full/30000":             "a cut text ends with a note",
	"truncate-full/two-byte-boundary": "a cut text ends with a note",
	"truncate-full/emoji":             "a cut text ends with a note",
	"truncate-full/emoji-shift":       "a cut text ends with a note",
	"truncate-full/zwj":               "a cut text ends with a note",
	"truncate-full/crlf":              "a cut text ends with a note",
	"truncate-full/bom":               "a cut text ends with a note",

	"inputs/repo-docker-io": "docker.io/ in front of the name is taken off",
	"inputs/env-docker":     "inputs are not read from variables of other names",
}

var errNoBoolean = errors.New("not a boolean")

type peerCase struct {
	ID    string
	Input struct {
		Inputs, Env  map[string]string
		Readme       *string
		ReadmeBase64 *string `json:"readme_base64"`
		ReadmePath   string  `json:"readme_path"`
		Hub          struct{ Token, Patch *reply }
	}
	Expect struct {
		ExitCode int `json:"exit_code"`
		Requests []request
	}
}

type request struct {
	Method, Path, Authorization string
	ContentType                 string `json:"content_type"`
	Body                        json.RawMessage
}

type reply struct {
	Status  int
	Body    json.RawMessage
	Raw     *string
	Headers map[string]string
}

// TestSendsWhatThePeerSends replays recorded runs: the login and the change
// must be the same requests, with the same outcome. Our GET in front of the
// change is not counted.
func TestSendsWhatThePeerSends(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/peer.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct{ Cases []peerCase }
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Cases) < 100 {
		t.Fatalf("only %d recorded runs", len(recorded.Cases))
	}
	same, ours := 0, map[string]string{}
	for _, c := range recorded.Cases {
		got, err := replay(t, c)
		why := difference(c, got, err)
		if why == "" {
			same++
		} else {
			ours[c.ID] = outcome(got, err)
		}
		if _, differs := better[c.ID]; differs != (why != "") {
			t.Errorf("%s: listed as different: %v; is: %s", c.ID, differs, why)
		}
	}
	golden(t, "testdata/better.json", ours)
	t.Logf("%d of %d as the peer, %d better", same, len(recorded.Cases), len(better))
}

// outcome is what a run set the text to, or its error.
func outcome(requests []request, err error) string {
	switch {
	case err != nil:
		return "error: " + err.Error()
	case len(requests) == 0:
		return "no request"
	}
	var page dockerhub.Page
	if err := json.Unmarshal(requests[len(requests)-1].Body, &page); err != nil {
		return "error: " + err.Error()
	}
	if n := len(page.FullDescription); n > 500 {
		return fmt.Sprintf("%d bytes …%s", n, page.FullDescription[n-120:])
	}
	return page.FullDescription
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file.
func golden(t *testing.T, file string, got map[string]string) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(text, want) {
		t.Errorf("%s differs (%v): %s", file, err, text)
	}
}

// TestDifferencesAreDocumented holds the guide's table against the list.
func TestDifferencesAreDocumented(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../../docs/dockerhub-readme.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(guide), "<!-- differences -->")
	table, _, _ = strings.Cut(table, "<!-- /differences -->")
	for id, why := range better {
		if !strings.Contains(table, why) {
			t.Errorf("%s: the guide does not say that %s", id, why)
		}
	}
}

func difference(c peerCase, got []request, err error) string {
	if (err != nil) != (c.Expect.ExitCode != 0) {
		return "outcome: " + errorText(err)
	}
	if len(got) != len(c.Expect.Requests) {
		return "number of requests"
	}
	for i, want := range c.Expect.Requests {
		want.Authorization = strings.ReplaceAll(want.Authorization, "<TOKEN>", "token-of-hub")
		if got[i].Method != want.Method || got[i].Path != want.Path || got[i].Authorization != want.Authorization || got[i].ContentType != want.ContentType {
			return "request: " + got[i].Method + " " + got[i].Path
		}
		if a, b := canonical(got[i].Body), canonical(want.Body); a != b {
			return "body: " + a + ", want " + b
		}
	}
	return ""
}

func errorText(err error) string {
	if err == nil {
		return "success"
	}
	return err.Error()
}

func canonical(text json.RawMessage) string {
	var v any
	_ = json.Unmarshal(text, &v)
	out, _ := json.Marshal(v)
	return string(out)
}

// replay runs the step on a recorded case and returns its requests.
func replay(t *testing.T, c peerCase) ([]request, error) {
	t.Helper()
	workspace := t.TempDir()
	if c.Input.Readme != nil || c.Input.ReadmeBase64 != nil {
		var content []byte
		if c.Input.Readme != nil {
			content = []byte(*c.Input.Readme)
		} else {
			content, _ = base64.StdEncoding.DecodeString(*c.Input.ReadmeBase64)
		}
		file := filepath.Join(workspace, c.Input.ReadmePath)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var requests []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"full_description":"older","description":null}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		requests = append(requests, request{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body})
		answer := &reply{Status: 200, Body: json.RawMessage(`{"access_token":"token-of-hub"}`)}
		switch {
		case r.Method == http.MethodPost && c.Input.Hub.Token != nil:
			answer = c.Input.Hub.Token
		// The recorded server redirects once.
		case r.Method == http.MethodPatch && c.Input.Hub.Patch != nil && !strings.HasSuffix(r.URL.Path, "/"):
			answer = c.Input.Hub.Patch
		}
		for name, value := range answer.Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(answer.Status)
		if answer.Raw != nil {
			_, _ = io.WriteString(w, *answer.Raw)
		} else {
			_, _ = w.Write(answer.Body)
		}
	}))
	defer server.Close()

	in := map[string]string{"readme-filepath": "./README.md"}
	for name, value := range c.Input.Inputs {
		in[name] = strings.ReplaceAll(value, "<WS>", workspace)
	}
	cfg := dockerhubreadme.Config{
		Username: in["username"], Password: secret.New(in["password"]), Readme: in["readme-filepath"],
		ShortDescription: in["short-description"], APIURL: server.URL, Region: "dockerhub",
	}
	if in["repository"] != "" {
		cfg.Repositories = make([]dockerhubreadme.Repository, 1)
		if err := cfg.Repositories[0].UnmarshalText([]byte(in["repository"])); err != nil {
			return nil, err
		}
	}
	if in["image-extensions"] != "" {
		if err := cfg.ImageExtensions.UnmarshalText([]byte(in["image-extensions"])); err != nil {
			return nil, err
		}
	}
	switch flag := strings.ToLower(in["enable-url-completion"]); flag {
	case "", "false":
	case "true":
		cfg.CompleteURLs = true
	default:
		return nil, errNoBoolean
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	pages, err := dockerhubreadme.Open(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dockerhubreadme.Run(t.Context(), cfg, dockerhubreadme.Deps{Pages: pages, Log: slog.New(slog.DiscardHandler), Job: job.Job{
		ServerURL: c.Input.Env["GITHUB_SERVER_URL"], Repository: c.Input.Env["GITHUB_REPOSITORY"],
		RefName: c.Input.Env["GITHUB_REF_NAME"], Workspace: workspace,
	}})
	return requests, err
}
