package sbom

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzIdentifier writes a document in pieces: wherever they end, no placeholder
// is left, all identifiers are equal, and nothing else is changed.
func FuzzIdentifier(f *testing.F) {
	f.Add("{@}", 1)
	f.Add("@@ and @", 7)
	f.Add("none", 3)
	f.Add("@-@", 36)
	f.Fuzz(func(t *testing.T, text string, size int) {
		var about subject
		old := about.placeholder().String()
		want := strings.ReplaceAll(text, "@", old)
		if size < 1 || strings.Count(want, old) != strings.Count(text, "@") {
			return
		}
		path := filepath.Join(t.TempDir(), "document")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := newIdentifier(file, about)
		for rest := want; rest != ""; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			if _, err := w.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.identify(); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.places) > 0 {
			id := string(got[w.places[0] : w.places[0]+int64(len(old))])
			want = strings.ReplaceAll(want, old, id)
		}
		if !bytes.Equal(got, []byte(want)) || strings.Contains(want, old) {
			t.Errorf("%q in pieces of %d is %q, want %q", text, size, got, want)
		}
	})
}
