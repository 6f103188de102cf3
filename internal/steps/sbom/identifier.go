package sbom

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"os"
	"slices"

	"github.com/google/uuid"
)

// identifier writes a document, which has its subject's placeholder where its
// identifier is to be, and then puts the identifier there. It derives from what
// the document is about and what it says: equal documents have equal names, and
// different ones don't. A document is too large to be held for that.
type identifier struct {
	file        *os.File
	placeholder uuid.UUID
	sum         hash.Hash
	size        int64
	tail        []byte  // the end of what is written, shorter than a placeholder
	places      []int64 // where placeholders begin
}

func newIdentifier(file *os.File, about subject) *identifier {
	return &identifier{file: file, placeholder: about.placeholder(), sum: sha256.New()}
}

// Write implements io.Writer.
func (w *identifier) Write(p []byte) (int, error) {
	old := []byte(w.placeholder.String())
	short := len(old) - 1
	// A placeholder may begin in what was written before.
	w.find(slices.Concat(w.tail, p[:min(len(p), short)]), w.size-int64(len(w.tail)), old)
	w.find(p, w.size, old)
	w.tail = last(slices.Concat(w.tail, last(p, short)), short)
	w.size += int64(len(p))
	_, _ = w.sum.Write(p) // a hash takes everything
	return w.file.Write(p)
}

// find notes the placeholders in p, which begins at the offset.
func (w *identifier) find(p []byte, offset int64, old []byte) {
	for {
		i := bytes.Index(p, old)
		if i < 0 {
			return
		}
		w.places = append(w.places, offset+int64(i))
		p, offset = p[i+len(old):], offset+int64(i+len(old))
	}
}

func last(p []byte, n int) []byte { return p[max(0, len(p)-n):] }

// identify puts the identifier in its places.
func (w *identifier) identify() error {
	id := uuid.NewSHA1(w.placeholder, w.sum.Sum(nil))
	for _, place := range w.places {
		if _, err := w.file.WriteAt([]byte(id.String()), place); err != nil {
			return err
		}
	}
	return nil
}
