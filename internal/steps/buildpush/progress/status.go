package progress

import (
	"bytes"
	"encoding/json"
	"time"
)

// status is one line of --progress=rawjson: what has changed in a build.
//
// https://github.com/moby/buildkit/blob/v0.34.2/client/graph.go
type status struct {
	Vertexes []vertex       `json:"vertexes"`
	Statuses []vertexStatus `json:"statuses"`
	Logs     []vertexLog    `json:"logs"`
	Warnings []warning      `json:"warnings"`
}

// vertex is a step. It is reported anew with each change, and with another
// start each time that BuildKit works at it.
type vertex struct {
	Digest    string    `json:"digest"`
	Inputs    []string  `json:"inputs"`
	Name      string    `json:"name"`
	Started   time.Time `json:"started"`
	Completed time.Time `json:"completed"`
	Cached    bool      `json:"cached"`
	Error     string    `json:"error"`
	// Group makes one step of several vertexes, as for COPY --link.
	Group *struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"progressGroup"`
}

// key names the step that the vertex belongs to.
func (v vertex) key() string {
	if v.Group != nil {
		return v.Group.ID
	}
	return v.Digest
}

// vertexStatus is a part of a step, such as the transfer of a layer.
type vertexStatus struct {
	ID        string    `json:"id"`
	Vertex    string    `json:"vertex"`
	Current   int64     `json:"current"` // bytes
	Total     int64     `json:"total"`   // bytes, or 0
	Timestamp time.Time `json:"timestamp"`
	Started   time.Time `json:"started"`
	Completed time.Time `json:"completed"`
}

// vertexLog is a piece of what a step writes, cut anywhere.
type vertexLog struct {
	Vertex    string    `json:"vertex"`
	Stream    int       `json:"stream"` // 1 is standard output, 2 standard error
	Data      []byte    `json:"data"`
	Timestamp time.Time `json:"timestamp"`
}

// warning is what BuildKit's linter finds in a Dockerfile.
type warning struct {
	Short []byte `json:"short"`
}

// parseStatus reads a line, unless it is text.
func parseStatus(line []byte) (s status, ok bool) {
	if !bytes.HasPrefix(line, []byte("{")) {
		return s, false
	}
	return s, json.Unmarshal(line, &s) == nil
}

// splitter cuts what is written into lines, and lines that are longer than max
// bytes into several.
type splitter struct {
	max  int
	rest []byte
}

// write calls emit with each line that p ends, without its newline.
func (s *splitter) write(p []byte, emit func(line []byte)) {
	for len(p) > 0 {
		line, after, ended := bytes.Cut(p, []byte("\n"))
		if room := s.max - len(s.rest); len(line) > room {
			line, after, ended = p[:room], p[room:], true
		}
		p = after
		if ended && len(s.rest) == 0 {
			emit(line)
			continue
		}
		s.rest = append(s.rest, line...)
		if ended {
			emit(s.rest)
			s.rest = s.rest[:0]
		}
	}
}

// flush calls emit with what is left, if anything.
func (s *splitter) flush(emit func(line []byte)) {
	if len(s.rest) > 0 {
		emit(s.rest)
		s.rest = nil
	}
}
