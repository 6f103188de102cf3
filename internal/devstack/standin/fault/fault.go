// Package fault makes servers fail on demand and remembers what they were
// asked.
//
// A [Controller] wraps every handler of the local world. Its rules say which
// request is answered with an error, late, cut short or not at all; its log
// holds host, method, path and status of each request, and never a header, a
// query or a body, so that no credential can be in it.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Duration is a time.Duration written as "1.5s" in JSON.
type Duration time.Duration

// MarshalText returns the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText parses text as time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Rule says which requests fail, and how. A rule without Status, Reset, Truncate
// and Cut only delays.
type Rule struct {
	// Host is the name the request is for, without port; empty is any.
	Host string `json:"host,omitempty"`
	// Method is the HTTP method; empty is any.
	Method string `json:"method,omitempty"`
	// Path is a prefix of the URL's path; empty is any.
	Path string `json:"path,omitempty"`

	// Skip lets that many matching requests pass first.
	Skip int `json:"skip,omitempty"`
	// Count is the number of requests that fail; 0 is all, until cleared.
	Count int `json:"count,omitempty"`

	// Delay passes before the answer.
	Delay Duration `json:"delay,omitzero"`
	// Status is the answer's status code.
	Status int `json:"status,omitempty"`
	// Header is added to the answer, for example Retry-After.
	Header map[string]string `json:"header,omitempty"`
	// Body is the answer's body; empty is a JSON error that both registry
	// clients and GitHub's understand.
	Body string `json:"body,omitempty"`
	// Reset closes the connection without an answer.
	Reset bool `json:"reset,omitempty"`
	// Truncate sends the first half of the real answer's body, then closes.
	Truncate bool `json:"truncate,omitempty"`
	// Cut gives the server the first half of the request's body, then closes: an
	// upload that breaks off.
	Cut bool `json:"cut,omitempty"`
	// Late lets the request take effect before it fails: the server did the
	// work, and the client does not get to know.
	Late bool `json:"late,omitempty"`
}

func (r Rule) validate() error {
	switch {
	case r.Status != 0 && (r.Status < 200 || r.Status > 599):
		return fmt.Errorf("fault rule: status %d is not between 200 and 599", r.Status)
	case r.Skip < 0 || r.Count < 0 || r.Delay < 0:
		return errors.New("fault rule: skip, count and delay can't be negative")
	case r.Truncate && (r.Reset || r.Status != 0):
		return errors.New("fault rule: truncate goes with neither reset nor status")
	case r.Cut && (r.Truncate || r.Reset || r.Status != 0):
		return errors.New("fault rule: cut goes with neither truncate, reset nor status")
	case r.Reset && r.Status != 0:
		return errors.New("fault rule: reset and status exclude each other")
	case r.Late && !r.Reset && r.Status == 0:
		return errors.New("fault rule: late needs reset or status")
	case !r.Reset && !r.Truncate && !r.Cut && r.Status == 0 && r.Delay == 0:
		return errors.New("fault rule: one of status, reset, truncate, cut and delay is needed")
	}
	return nil
}

func (r Rule) matches(host, method, path string) bool {
	return (r.Host == "" || strings.EqualFold(r.Host, host)) &&
		(r.Method == "" || strings.EqualFold(r.Method, method)) &&
		strings.HasPrefix(path, r.Path)
}

// body returns what the rule answers with.
func (r Rule) body() []byte {
	if r.Body != "" {
		return []byte(r.Body)
	}
	code, ok := map[int]string{
		http.StatusUnauthorized: "UNAUTHORIZED", http.StatusForbidden: "DENIED", http.StatusNotFound: "NAME_UNKNOWN",
		http.StatusMethodNotAllowed: "UNSUPPORTED", http.StatusTooManyRequests: "TOOMANYREQUESTS",
	}[r.Status]
	if !ok {
		code = "UNKNOWN"
	}
	text := http.StatusText(r.Status)
	body, _ := json.Marshal(map[string]any{ // strings only
		"message": text,
		"errors":  []map[string]string{{"code": code, "message": strings.ToLower(text)}},
	})
	return body
}

// maxLog bounds the log; the oldest half goes when it is full.
const maxLog = 100_000

// Request is one request as the log holds it.
type Request struct {
	Time   time.Time `json:"time"`
	Host   string    `json:"host"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Status is the answer's code; 0 where the connection was cut instead.
	Status int `json:"status"`
	// Fault reports whether a rule applied.
	Fault bool `json:"fault,omitempty"`
}

// Controller holds the rules and the log. Its zero value is ready for use.
type Controller struct {
	mu    sync.Mutex
	rules []Rule
	log   []Request
}

// Add appends rules; the first that matches a request applies. It adds none if
// one of them makes no sense.
func (c *Controller) Add(rules ...Rule) error {
	for _, r := range rules {
		if err := r.validate(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = append(c.rules, rules...)
	return nil
}

// Rules returns the rules that are still in force; Skip and Count are what
// remains of them.
func (c *Controller) Rules() []Rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Rule{}, c.rules...)
}

// Clear removes all rules.
func (c *Controller) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = nil
}

// Requests returns the log, oldest first.
func (c *Controller) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Request{}, c.log...)
}

// ClearRequests empties the log.
func (c *Controller) ClearRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = nil
}

// Record appends to the log. Servers outside of [Controller.Wrap] use it.
func (c *Controller) Record(r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.log) >= maxLog {
		c.log = append([]Request{}, c.log[maxLog/2:]...)
	}
	c.log = append(c.log, r)
}

// take returns the rule for a request and uses it up by one.
func (c *Controller) take(host, method, path string) (Rule, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.rules {
		r := &c.rules[i]
		if !r.matches(host, method, path) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		taken := *r
		if r.Count == 1 {
			c.rules = append(c.rules[:i], c.rules[i+1:]...)
		} else if r.Count > 1 {
			r.Count--
		}
		return taken, true
	}
	return Rule{}, false
}
