// Package runlog is what the steps of a run leave for the one that sums them
// up: a file with a line of JSON for each.
package runlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Variable of the environment that names the file. A step that has it writes
// there what else would be its own part of the job's page.
const Variable = "RELEASE_ACTIONS_RUNLOG"

// maxLine bounds what is read of one step, in bytes: more than a page may have.
const maxLine = 4 << 20

// Entry is what a step did.
type Entry struct {
	Step    string            `json:"step"`
	Start   time.Time         `json:"start"`
	End     time.Time         `json:"end"`
	Error   string            `json:"error,omitempty"` // "" where it went well
	Outputs map[string]string `json:"outputs,omitempty"`
	Summary string            `json:"summary,omitempty"` // Markdown
}

// Append adds an entry to the file, in one write.
func Append(path string, e Entry) (err error) {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(append(text, '\n'))
	return err
}

// Read returns the entries, in order. One that was cut off, by a full disk say,
// is an error; those before it are returned.
func Read(r io.Reader) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return entries, fmt.Errorf("entry %d of the run's log: %w", len(entries)+1, err)
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}
