package cleanup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

// The journal has a line for all that a run means to remove, before it begins,
// and then two for each removal, before and after. Each is on the disk before
// the registry is called, so that whatever interrupts the run, the next one
// knows what was begun: parts of an image whose index is gone already would
// look to it like anything without a tag.
type journal struct{ file *os.File }

// entry is a line of the journal.
type entry struct {
	Time       time.Time        `json:"time,omitzero"`
	State      string           `json:"state"`
	Repository image.Repository `json:"repository"`
	Digest     image.Digest     `json:"digest"`
	ID         string           `json:"id,omitempty"`
}

// The states of an entry.
const (
	planned  = "planned"
	deleting = "deleting"
	deleted  = "deleted"
	spared   = "spared"
)

// newJournal replaces the journal of an earlier run by that of a document. What
// the earlier one had begun, and can't go yet, is taken over.
func newJournal(path string, d Document, begun map[image.Repository][]image.Digest) (*journal, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, p := range d.Repositories {
		for _, v := range p.Decisions {
			if v.Verdict == retention.Keep && !slices.Contains(begun[p.Of], v.Digest) {
				continue
			}
			if err := encoder.Encode(entry{d.Time, planned, p.Of, v.Digest, v.ID}); err != nil {
				return nil, err
			}
		}
	}
	if err := replace(path, text.Bytes()); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	return &journal{file}, err
}

// note adds a line that is on the disk when it returns.
func (j *journal) note(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return j.file.Sync()
}

// Close closes the file.
func (j *journal) Close() error { return j.file.Close() }

// readJournal returns what an earlier run meant to remove and didn't, as far as
// it could tell, in each repository. No journal is an empty one.
func readJournal(path string) (map[image.Repository][]image.Digest, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	begun, err := parseJournal(text)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the journal %q: %w", path, err), "it isn't as a run has left it: remove the file, and look at the plan of a dry run")
	}
	return begun, nil
}

func parseJournal(text []byte) (map[image.Repository][]image.Digest, error) {
	type version struct {
		repository image.Repository
		digest     image.Digest
	}
	var order []version
	settled := map[version]bool{}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n, line := range lines[:len(lines)-1] { // what has no line's end was cut off while it was written
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		v := version{e.Repository, e.Digest}
		switch e.State {
		case planned:
			order = append(order, v)
		case deleting:
		case deleted, spared:
			settled[v] = true
		default:
			return nil, fmt.Errorf("line %d: state %q is none", n+1, e.State)
		}
	}
	begun := map[image.Repository][]image.Digest{}
	for _, v := range order {
		if !settled[v] {
			begun[v.repository] = append(begun[v.repository], v.digest)
		}
	}
	return begun, nil
}
