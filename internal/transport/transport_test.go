package transport_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/release-actions/internal/transport"
)

// script answers one request after the other with the given statuses, then 200.
func script(t *testing.T, header http.Header, statuses ...int) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n := int(calls.Add(1))
		status := http.StatusOK
		if n <= len(statuses) {
			status = statuses[n-1]
		}
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server, &calls
}

func TestRetries(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method     string
		replayable bool
		retryFor   time.Duration
		statuses   []int
		wantStatus int
		wantCalls  int32
	}{
		"a GET passes a 503":                   {"GET", false, 0, []int{503}, 200, 2},
		"a GET passes a 429":                   {"GET", false, 0, []int{429}, 200, 2},
		"a PUT passes a 500":                   {"PUT", false, 0, []int{500}, 200, 2},
		"a POST passes a 503":                  {"POST", false, 0, []int{503}, 200, 2},
		"a POST isn't repeated on a 500":       {"POST", false, 0, []int{500}, 500, 1},
		"a replayable POST is":                 {"POST", true, 0, []int{500}, 200, 2},
		"a 404 is an answer":                   {"GET", false, 0, []int{404}, 404, 1},
		"a 401 is an answer":                   {"GET", false, 0, []int{401}, 401, 1},
		"bounds end it with the last answer":   {"GET", false, time.Millisecond, []int{503, 503, 503, 503}, 503, 1},
		"negative bounds mean one try":         {"GET", false, -1, []int{503}, 503, 1},
		"the body is sent again, all of it":    {"PUT", false, 0, []int{502}, 200, 2},
		"a PATCH isn't repeated after a 504":   {"PATCH", false, 0, []int{504}, 504, 1},
		"several failures in a row are passed": {"GET", false, 0, []int{503, 502}, 200, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, calls := script(t, nil, test.statuses...)
			client := &http.Client{Transport: transport.New(transport.Options{RetryFor: test.retryFor})}
			ctx := t.Context()
			if test.replayable {
				ctx = transport.Replayable(ctx)
			}
			req, err := http.NewRequestWithContext(ctx, test.method, server.URL, strings.NewReader("payload"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != test.wantStatus || calls.Load() != test.wantCalls {
				t.Errorf("status %d after %d calls, want %d after %d", resp.StatusCode, calls.Load(), test.wantStatus, test.wantCalls)
			}
			if string(body) != "payload" {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	server, calls := script(t, http.Header{"Retry-After": {"3600"}}, 429, 429)
	client := &http.Client{Transport: transport.New(transport.Options{RetryFor: 5 * time.Second})}
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 429 || calls.Load() != 1 {
		t.Errorf("status %d after %d calls: an hour's wait is beyond the bound, so one call must end it", resp.StatusCode, calls.Load())
	}
}

func TestRetryAfterMayBeATime(t *testing.T) {
	t.Parallel()
	at := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	server, calls := script(t, http.Header{"X-Retry-After": {at}}, 429, 429)
	// An hour is past all patience, so the answer comes at once.
	client := &http.Client{Transport: transport.New(transport.Options{RetryFor: time.Minute})}
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 429 || calls.Load() != 1 {
		t.Errorf("status %d after %d calls", resp.StatusCode, calls.Load())
	}
}

func TestForbiddenIsRetriedWhereTheServerSaysWhen(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]int{"1": 200, "": 403} {
		header := http.Header{}
		if after != "" {
			header.Set("Retry-After", after)
		}
		server, _ := script(t, header, 403)
		client := &http.Client{Transport: transport.New(transport.Options{})}
		resp, err := client.Post(server.URL, "", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Retry-After %q: status %d, want %d", after, resp.StatusCode, want)
		}
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	server, _ := script(t, nil)
	server.Close()
	client := &http.Client{Transport: transport.New(transport.Options{RetryFor: 50 * time.Millisecond})}
	resp, err := client.Post(server.URL, "", strings.NewReader("x"))
	if err == nil {
		resp.Body.Close()
		t.Fatal("no error")
	}
	if !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %q doesn't name the cause", err)
	}
}

func TestCancelledContextEndsRetries(t *testing.T) {
	t.Parallel()
	server, _ := script(t, nil, 503, 503, 503, 503, 503, 503, 503, 503, 503)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport.New(transport.Options{})}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatal("no error")
	}
}
