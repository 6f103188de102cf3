package github

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/fault"
)

// anonymousLimit is the number of requests in an hour without a token.
const anonymousLimit = 60

// limits count requests in windows of an hour, by kind of caller.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
type limits struct {
	perHour int

	mu      sync.Mutex
	windows map[string]*window
}

type window struct {
	limit, used int
	reset       time.Time
}

func (s *Server) window(c caller) *window {
	key, limit := "token", s.limits.perHour
	if !c.known {
		key, limit = "anonymous", anonymousLimit
	}
	w := s.limits.windows[key]
	if w == nil || !s.now().Before(w.reset) {
		w = &window{limit: limit, reset: s.now().Add(time.Hour).Truncate(time.Second)}
		s.limits.windows[key] = w
	}
	return w
}

// spend counts a request and sets the headers; it answers and returns false
// where none is left.
func (s *Server) spend(w http.ResponseWriter, c caller) bool {
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	win := s.window(c)
	exceeded := win.used >= win.limit
	if !exceeded {
		win.used++
	}
	for name, value := range map[string]int64{
		"Limit": int64(win.limit), "Used": int64(win.used), "Remaining": int64(win.limit - win.used), "Reset": win.reset.Unix(),
	} {
		w.Header().Set("X-RateLimit-"+name, strconv.FormatInt(value, 10))
	}
	w.Header().Set("X-RateLimit-Resource", "core")
	if exceeded {
		fail(w, http.StatusForbidden, primaryMessage)
	}
	return !exceeded
}

func (s *Server) routeRateLimit(mux *http.ServeMux) {
	mux.HandleFunc("GET /rate_limit", func(w http.ResponseWriter, r *http.Request) {
		c, _ := s.caller(r) // front has refused a wrong one
		s.limits.mu.Lock()
		win := *s.window(c)
		s.limits.mu.Unlock()
		core := object{
			"limit": win.limit, "used": win.used, "remaining": win.limit - win.used,
			"reset": win.reset.Unix(),
		}
		send(w, http.StatusOK, object{"resources": object{"core": core, "search": core}, "rate": core})
	})
}

const (
	primaryMessage   = "API rate limit exceeded for installation ID 1."
	secondaryMessage = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)

// PrimaryRateLimit is the fault of an hour's requests used up until reset.
func PrimaryRateLimit(reset time.Time) fault.Rule {
	return fault.Rule{
		Host: APIHost, Status: http.StatusForbidden, Body: fmt.Sprintf(`{"message":%q}`, primaryMessage),
		Header: map[string]string{
			"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": strconv.FormatInt(reset.Unix(), 10), "X-RateLimit-Resource": "core",
		},
	}
}

// SecondaryRateLimit is the fault of too many requests at once, to be tried
// again after a number of seconds.
func SecondaryRateLimit(seconds int) fault.Rule {
	return fault.Rule{
		Host: APIHost, Status: http.StatusForbidden,
		Body:   fmt.Sprintf(`{"message":%q,"documentation_url":%q}`, secondaryMessage, docsURL+"/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"),
		Header: map[string]string{"Retry-After": strconv.Itoa(seconds)},
	}
}
