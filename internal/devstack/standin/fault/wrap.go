package fault

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing/iotest"
	"time"
)

// Wrap returns next with faults and the log in front of it. The host is what
// rules and the log call it; empty is the request's own host.
func (c *Controller) Wrap(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := host
		if name == "" {
			name = hostname(r.Host)
		}
		rule, failing := c.take(name, r.Method, r.URL.Path)
		seen := &statusWriter{ResponseWriter: w}
		entry := Request{Time: time.Now(), Host: name, Method: r.Method, Path: r.URL.Path, Fault: failing}
		// Deferred, since a cut connection is a panic that net/http knows.
		defer func() {
			entry.Status = seen.status
			c.Record(entry)
		}()
		if !failing {
			next.ServeHTTP(seen, r)
			seen.finish()
			return
		}
		rule.serve(seen, r, next)
	})
}

func (r Rule) serve(w *statusWriter, req *http.Request, next http.Handler) {
	if r.Delay > 0 {
		select {
		case <-time.After(time.Duration(r.Delay)):
		case <-req.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if r.Cut {
		req.Body = io.NopCloser(io.MultiReader(io.LimitReader(req.Body, req.ContentLength/2), iotest.ErrReader(io.ErrUnexpectedEOF)))
		next.ServeHTTP(&recorder{}, req)
		panic(http.ErrAbortHandler)
	}
	if r.Late || r.Truncate {
		var answer recorder
		next.ServeHTTP(&answer, req)
		if r.Truncate {
			answer.sendHalf(w)
		}
	}
	switch {
	case r.Reset:
		panic(http.ErrAbortHandler)
	case r.Status == 0:
		next.ServeHTTP(w, req)
		w.finish()
	default:
		w.Header().Set("Content-Type", "application/json")
		for name, value := range r.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(r.Status)
		_, _ = w.Write(r.body()) // a client that is gone is no concern of the server
	}
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}

// statusWriter remembers the status of the answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	w.finish()
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach Flush and the deadlines.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish notes the status that net/http sends where the handler sent none.
func (w *statusWriter) finish() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// recorder keeps an answer from the client.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// sendHalf promises the whole body, sends half of it and cuts the connection.
func (r *recorder) sendHalf(w http.ResponseWriter) {
	for name, values := range r.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(r.body.Len()))
	if r.status == 0 {
		r.status = http.StatusOK
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()[:r.body.Len()/2]) // the connection ends in any case
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
