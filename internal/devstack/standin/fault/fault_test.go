package fault_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/fault"
)

const answer = "0123456789"

// server returns a faulty server and how often its handler did its work.
func server(t *testing.T, rules ...fault.Rule) (*fault.Controller, string, *int) {
	t.Helper()
	var c fault.Controller
	if err := c.Add(rules...); err != nil {
		t.Fatal(err)
	}
	worked := new(int)
	srv := httptest.NewServer(c.Wrap("api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*worked++
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, answer)
	})))
	t.Cleanup(srv.Close)
	return &c, srv.URL, worked
}

func do(t *testing.T, method, url string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func TestRuleAppliesToMatchingRequestsOnly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule    fault.Rule
		applies bool
	}{
		"any":          {fault.Rule{}, true},
		"host":         {fault.Rule{Host: "API.example.com"}, true},
		"other host":   {fault.Rule{Host: "example.com"}, false},
		"method":       {fault.Rule{Method: "post"}, true},
		"other method": {fault.Rule{Method: "GET"}, false},
		"path prefix":  {fault.Rule{Path: "/a/"}, true},
		"other path":   {fault.Rule{Path: "/a/c"}, false},
		"all three":    {fault.Rule{Host: "api.example.com", Method: "POST", Path: "/a/b"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.rule.Status = http.StatusTeapot
			_, url, _ := server(t, tc.rule)
			resp, _, err := do(t, http.MethodPost, url+"/a/b")
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.StatusCode == http.StatusTeapot; got != tc.applies {
				t.Errorf("status %d, applies = %v, want %v", resp.StatusCode, got, tc.applies)
			}
		})
	}
}

func TestSkipAndCountLimitARule(t *testing.T) {
	t.Parallel()
	c, url, _ := server(t, fault.Rule{Status: 503, Skip: 1, Count: 2})
	var got []int
	for range 4 {
		resp, _, err := do(t, http.MethodGet, url)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, resp.StatusCode)
	}
	if want := [4]int{201, 503, 503, 201}; [4]int(got) != want {
		t.Errorf("statuses %v, want %v", got, want)
	}
	if rules := c.Rules(); len(rules) != 0 {
		t.Errorf("rules %+v are left", rules)
	}
}

func TestStatusCarriesHeaderAndBody(t *testing.T) {
	t.Parallel()
	_, url, worked := server(t,
		fault.Rule{Status: 429, Header: map[string]string{"Retry-After": "7"}, Count: 1},
		fault.Rule{Status: 502, Body: "<html>"})
	resp, body, err := do(t, http.MethodGet, url)
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Message string
		Errors  []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(body), &decoded); err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Retry-After") != "7" || decoded.Message != "Too Many Requests" || decoded.Errors[0].Code != "TOOMANYREQUESTS" {
		t.Errorf("answer %v %s", resp.Header, body)
	}
	if _, body, _ := do(t, http.MethodGet, url); body != "<html>" {
		t.Errorf("body %q, want the rule's", body)
	}
	if *worked != 0 {
		t.Errorf("the handler worked %d times behind the faults", *worked)
	}
}

func TestLateFaultsHappenAfterTheWork(t *testing.T) {
	t.Parallel()
	_, url, worked := server(t, fault.Rule{Status: 500, Late: true, Count: 1}, fault.Rule{Reset: true, Late: true})
	if resp, _, err := do(t, http.MethodPost, url); err != nil || resp.StatusCode != 500 {
		t.Errorf("late status: %v, %v", resp, err)
	}
	if _, _, err := do(t, http.MethodPost, url); err == nil {
		t.Error("late reset: no error")
	}
	if *worked != 2 {
		t.Errorf("the handler worked %d times, want 2", *worked)
	}
}

func TestResetSendsNoAnswer(t *testing.T) {
	t.Parallel()
	c, url, worked := server(t, fault.Rule{Reset: true})
	if _, _, err := do(t, http.MethodPost, url); err == nil {
		t.Error("no error")
	}
	if *worked != 0 {
		t.Error("the handler worked")
	}
	if log := c.Requests(); len(log) != 1 || log[0].Status != 0 || !log[0].Fault {
		t.Errorf("log %+v", log)
	}
}

func TestTruncateCutsTheBody(t *testing.T) {
	t.Parallel()
	_, url, _ := server(t, fault.Rule{Truncate: true})
	resp, body, err := do(t, http.MethodGet, url)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error %v, want an unexpected end", err)
	}
	if resp.StatusCode != http.StatusCreated || body != answer[:5] {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
}

func TestCutBreaksTheRequestOff(t *testing.T) {
	t.Parallel()
	var c fault.Controller
	if err := c.Add(fault.Rule{Cut: true}); err != nil {
		t.Fatal(err)
	}
	type request struct {
		body string
		err  error
	}
	got := make(chan request, 1)
	srv := httptest.NewServer(c.Wrap("", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		got <- request{string(body), err}
	})))
	t.Cleanup(srv.Close)
	resp, err := http.Post(srv.URL, "text/plain", strings.NewReader(answer))
	if err == nil {
		resp.Body.Close()
		t.Errorf("status %d, want none", resp.StatusCode)
	}
	if r := <-got; r.body != answer[:5] || !errors.Is(r.err, io.ErrUnexpectedEOF) {
		t.Errorf("the server got %q and %v", r.body, r.err)
	}
}

func TestDelayAloneOnlyDelays(t *testing.T) {
	t.Parallel()
	_, url, worked := server(t, fault.Rule{Delay: fault.Duration(time.Millisecond)})
	if resp, body, err := do(t, http.MethodGet, url); err != nil || resp.StatusCode != 201 || body != answer || *worked != 1 {
		t.Errorf("got %v %q, %v", resp, body, err)
	}
}

func TestLogHoldsNoCredential(t *testing.T) {
	t.Parallel()
	c, url, _ := server(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/path?token=planted", strings.NewReader("planted"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("user", "planted")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	log := c.Requests()
	if len(log) != 1 || log[0].Host != "api.example.com" || log[0].Method != "PUT" || log[0].Path != "/path" || log[0].Status != 201 {
		t.Fatalf("log %+v", log)
	}
	text, err := json.Marshal(log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "planted") {
		t.Errorf("log %s", text)
	}
}

func TestControllerOverHTTP(t *testing.T) {
	t.Parallel()
	c, target, _ := server(t)
	control := httptest.NewServer(c.Handler())
	t.Cleanup(control.Close)
	post := func(body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, control.URL+"/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, body := post(`{"path":"/x","status":503,"delay":"1ms"}`); status != 200 || !strings.Contains(body, `"delay":"1ms"`) {
		t.Errorf("one rule: %d %s", status, body)
	}
	if status, body := post(`[{"status":500,"count":1},{"reset":true}]`); status != 200 {
		t.Errorf("array: %d %s", status, body)
	}
	if rules := c.Rules(); len(rules) != 3 {
		t.Errorf("rules %+v", rules)
	}
	for body, want := range map[string]string{
		`{"stauts":503}`:              `unknown field "stauts"`,
		`{"status":99}`:               "status 99 is not between 200 and 599",
		`{}`:                          "one of status, reset, truncate, cut and delay",
		`{"status":5`:                 "unexpected EOF",
		`{"delay":"soon"}`:            "soon",
		`{"late":true}`:               "late needs",
		`{"count":-1,"reset":true}`:   "negative",
		`{"reset":true,"status":500}`: "exclude",
		`[{"reset":true},{"truncate":true,"status":500}]`: "truncate goes with",
		`{"cut":true,"reset":true}`:                       "cut goes with",
	} {
		if status, text := post(body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("POST %s = %d %q, want 400 with %q", body, status, text, want)
		}
	}
	if rules := c.Rules(); len(rules) != 3 {
		t.Errorf("bad rules were added: %+v", rules)
	}
	if _, _, err := do(t, http.MethodDelete, control.URL+"/faults"); err != nil || len(c.Rules()) != 0 {
		t.Errorf("clear: %v, rules %+v", err, c.Rules())
	}
	if _, _, err := do(t, http.MethodGet, target+"/seen"); err != nil {
		t.Fatal(err)
	}
	if _, body, err := do(t, http.MethodGet, control.URL+"/requests"); err != nil || !strings.Contains(body, `"path":"/seen"`) {
		t.Errorf("requests %s, %v", body, err)
	}
	if _, _, err := do(t, http.MethodDelete, control.URL+"/requests"); err != nil || len(c.Requests()) != 0 {
		t.Errorf("clear requests: %v, %+v", err, c.Requests())
	}
}

func FuzzRules(f *testing.F) {
	f.Add(`{"host":"ghcr.io","status":503,"count":1}`)
	f.Add(`[{"reset":true,"delay":"1s"},{"truncate":true}]`)
	f.Add(`[[]]`)
	f.Fuzz(func(t *testing.T, body string) {
		var c fault.Controller
		rec := httptest.NewRecorder()
		c.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/faults", strings.NewReader(body)))
		if added := len(c.Rules()) > 0; added && rec.Code != http.StatusOK {
			t.Errorf("%s was refused with %d and added", body, rec.Code)
		}
	})
}
