package cleanup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

// Document is what a run decided and did, as JSON. "restore" takes it.
type Document struct {
	Time         time.Time        `json:"time"`
	DryRun       bool             `json:"dryRun"`
	Policy       retention.Policy `json:"policy"`
	Repositories []*Repository    `json:"repositories"`
}

// Repository is the plan for one, and what became of it.
type Repository struct {
	retention.Plan
	// Outcomes has one entry for each version that was tried, by its digest.
	Outcomes map[image.Digest]Outcome `json:"outcomes,omitempty"`
}

func newRepository(p retention.Plan) *Repository {
	return &Repository{Plan: p, Outcomes: map[image.Digest]Outcome{}}
}

// Outcome is what became of a version that was to go.
type Outcome struct {
	// Deleted is when it was removed.
	Deleted time.Time `json:"deleted,omitzero"`
	// Spared is what had changed since the plan, so that it stays.
	Spared string `json:"spared,omitempty"`
	// Failed is why it could not be removed, or not be checked before.
	Failed string `json:"failed,omitempty"`
}

// write replaces the file by the document, whole or not at all.
func (d Document) write(path string) error {
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return err
	}
	return replace(path, append(text, '\n'))
}

// replace writes a file that is on the disk when it returns, under a name that
// never has half of it.
func replace(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
