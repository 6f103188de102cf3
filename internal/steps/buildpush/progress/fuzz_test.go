package progress

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzLog(f *testing.F) {
	for _, recording := range seeds(f) {
		f.Add(recording)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var out runner
		log := New(&out)
		if _, err := log.Write(text); err != nil {
			t.Fatal(err)
		}
		record, err := log.Close()
		if err != nil || log.held != 0 || len(log.running) > 0 || len(log.done) > 0 {
			t.Errorf("%v: %d bytes, %d steps and %d are left", err, log.held, len(log.running), len(log.done))
		}
		if groups, ends := strings.Count(out.String(), "::group::"), strings.Count(out.String(), "::endgroup::"); groups != ends && !bytes.Contains(text, []byte("group::")) {
			t.Errorf("%d groups and %d ends", groups, ends)
		}
		record.Markdown(nil)
		if failure := record.Failure().String(); strings.Count(failure, "\n") > 2*maxTail+2 || !utf8.ValidString(failure) {
			t.Errorf("failure is %q", failure)
		}
	})
}

func seeds(f *testing.F) (seeds [][]byte) {
	f.Helper()
	paths, err := filepath.Glob("testdata/failed/*.rawjson")
	if err != nil || len(paths) == 0 {
		f.Fatal("no recordings", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, content)
	}
	return seeds
}

// BenchmarkLog reads 100,000 lines of a transfer's progress.
func BenchmarkLog(b *testing.B) {
	var lines bytes.Buffer
	fmt.Fprintf(&lines, `{"vertexes":[{"digest":"sha256:%064d","name":"[linux/amd64 build 1/6] FROM docker.io/library/golang:1.26","started":%q}]}`+"\n", 1, at(0).Format(time.RFC3339Nano))
	for i := range 100_000 {
		fmt.Fprintf(&lines, `{"statuses":[{"id":"sha256:%064d","vertex":"sha256:%064d","current":%d,"total":100000000,"timestamp":%q,"started":%q}]}`+"\n",
			i%7, 1, 1000*i, at(float64(i)/1000).Format(time.RFC3339Nano), at(0).Format(time.RFC3339Nano))
	}
	b.SetBytes(int64(lines.Len()))
	for b.Loop() {
		log := New(&terminal{})
		if _, err := log.Write(lines.Bytes()); err != nil {
			b.Fatal(err)
		}
		if _, err := log.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCachedBuild reads what a cached build for three platforms reports.
func BenchmarkCachedBuild(b *testing.B) {
	recording, err := os.ReadFile("testdata/cached.rawjson")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(recording)))
	for b.Loop() {
		log := New(&terminal{})
		for line := range bytes.Lines(recording) {
			if _, err := log.Write(line); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := log.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
