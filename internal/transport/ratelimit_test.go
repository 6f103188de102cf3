package transport_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/release-actions/internal/transport"
)

// answers is a server that gives one answer, then serves.
type answers struct {
	first http.Response
	text  string
	calls int
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.calls++
	if a.calls > 1 {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}
	resp := a.first
	resp.Body, resp.Request = io.NopCloser(strings.NewReader(a.text)), r
	return &resp, nil
}

func TestALimitIsWaitedForAsLongAsItLasts(t *testing.T) {
	t.Parallel()
	const words = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}`
	for name, test := range map[string]struct {
		status int
		header func(now time.Time) map[string]string
		text   string
		want   time.Duration // 0 is no second try
	}{
		"seconds": {429, func(time.Time) map[string]string { return map[string]string{"Retry-After": "7"} }, "", 7 * time.Second},
		"a date": {503, func(now time.Time) map[string]string {
			return map[string]string{"Retry-After": now.Add(9 * time.Second).UTC().Format(http.TimeFormat)}
		}, "", 9 * time.Second},
		"Docker Hub": {429, func(now time.Time) map[string]string {
			return map[string]string{"X-Retry-After": unix(now.Add(8 * time.Second))}
		}, "", 8 * time.Second},
		"GitHub, none left": {403, func(now time.Time) map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": unix(now.Add(90 * time.Second))}
		}, "", 90 * time.Second},
		"GitHub, none left, as 429": {429, func(now time.Time) map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": unix(now.Add(90 * time.Second))}
		}, "", 90 * time.Second},
		"GitHub, none left for an hour": {403, func(now time.Time) map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": unix(now.Add(time.Hour))}
		}, "", 0},
		"GitHub, too many at once": {403, func(time.Time) map[string]string { return map[string]string{"Retry-After": "60"} }, words, time.Minute},
		"GitHub, in words only":    {403, func(time.Time) map[string]string { return nil }, words, time.Minute},
		"forbidden": {403, func(now time.Time) map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": unix(now.Add(time.Hour))}
		}, `{"message":"Resource not accessible by integration"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				server := &answers{first: http.Response{StatusCode: test.status, Header: http.Header{}}, text: test.text}
				for key, value := range test.header(start) {
					server.first.Header.Set(key, value)
				}
				client := &http.Client{Transport: transport.New(transport.Options{Base: server})}
				resp, err := client.Post("http://a", "text/plain", strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				if test.want == 0 && (resp.StatusCode != test.status || string(text) != test.text || took > 0) {
					t.Errorf("status %d, %q after %s; want the server's answer at once", resp.StatusCode, text, took)
				}
				if test.want > 0 && (resp.StatusCode != http.StatusOK || took != test.want) {
					t.Errorf("status %d after %s, want 200 after %s", resp.StatusCode, took, test.want)
				}
			})
		})
	}
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
