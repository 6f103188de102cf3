package transport_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/release-actions/internal/transport"
)

// outage is a network where each host is down until a time.
type outage struct {
	until map[string]time.Time

	mu       sync.Mutex
	requests map[string]int
}

var errDown = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.requests[r.URL.Host]++
	o.mu.Unlock()
	if time.Now().Before(o.until[r.URL.Host]) {
		return nil, errDown
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// during runs ask within a bubble of time, with a client whose hosts a, b and c
// are down for some time, and returns what was logged and how long it took.
func during(t *testing.T, retryFor time.Duration, down map[string]time.Duration, ask func(get func(host string) error, o *outage)) (log string, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		o := &outage{until: map[string]time.Time{}, requests: map[string]int{}}
		for host, d := range down {
			o.until[host] = start.Add(d)
		}
		var text bytes.Buffer
		client := &http.Client{Transport: transport.New(transport.Options{
			Base: o, RetryFor: retryFor,
			Log: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})),
		})}
		ask(func(host string) error {
			resp, err := client.Get("http://" + host)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}, o)
		took, log = time.Since(start), text.String()
	})
	return log, took
}

func TestTheLogShowsWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	log, took := during(t, 10*time.Minute, map[string]time.Duration{"a": 100 * time.Second, "b": 20 * time.Second}, func(get func(string) error, _ *outage) {
		var wg sync.WaitGroup
		for _, host := range []string{"a", "a", "b", "c"} {
			wg.Go(func() {
				if err := get(host); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	if n := strings.Count(log, `msg="waiting for a" cause="dial: connection refused" at-most=10m0s`); n != 1 {
		t.Errorf("that a is waited for is said %d times", n)
	}
	if strings.Contains(log, "for c") {
		t.Error("c was never waited for")
	}
	if n, want := strings.Count(log, "still waiting for a"), int(took/(30*time.Second)); n != want {
		t.Errorf("it is said %d times in %s, want %d", n, took, want)
	}
	if !strings.Contains(log, "at-most=9m30s") || !strings.Contains(log, "at-most=9m0s") || !strings.Contains(log, "at-most=8m30s") {
		t.Error("it doesn't say how long still")
	}
	if t.Failed() {
		t.Log(log)
	}
}

func TestRetriesAreBoundedInAll(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(get func(string) error){
		"one after the other": func(get func(string) error) {
			for _, host := range []string{"a", "b", "b"} {
				_ = get(host)
			}
		},
		"at once": func(get func(string) error) {
			var wg sync.WaitGroup
			for _, host := range []string{"a", "b", "a", "b"} {
				wg.Go(func() { _ = get(host) })
			}
			wg.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, took := during(t, 2*time.Minute, map[string]time.Duration{"a": time.Hour, "b": time.Hour}, func(get func(string) error, o *outage) {
				ask(get)
				for range 5 {
					_ = get("a") // uses up what was too little for another wait
				}
				before := o.requests["a"]
				if err := get("a"); !errors.Is(err, errDown) {
					t.Errorf("got %v", err)
				}
				if n := o.requests["a"] - before; n != 1 {
					t.Errorf("it is asked %d times when all patience is used up", n)
				}
				if err := get("c"); err != nil {
					t.Errorf("what serves: %v", err)
				}
			})
			if took > 2*time.Minute || took < time.Minute {
				t.Errorf("it took %s\n%s", took, log)
			}
		})
	}
}

func TestWhatWasWaitedIsTakenOff(t *testing.T) {
	t.Parallel()
	_, took := during(t, 2*time.Minute, map[string]time.Duration{"a": 40 * time.Second, "b": time.Hour}, func(get func(string) error, _ *outage) {
		if err := get("a"); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Minute) // of work, which is not waiting
		if err := get("b"); !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
	})
	if took > 12*time.Minute || took < 11*time.Minute {
		t.Errorf("it took %s", took)
	}
}
