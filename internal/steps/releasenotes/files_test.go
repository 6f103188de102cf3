package releasenotes_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
)

func TestRefusesFilesThatAreNotThereOrClash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	if err := os.Mkdir(w.dir+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	w.file("a b.txt", "x")
	w.file("A.B.TXT", "y")
	w.file("empty", "")
	cfg := w.config()
	cfg.Files = []string{w.dir + "/none-*", w.dir + "/sub", w.dir + "/[", w.dir + "/+(a|b).txt", w.dir + "/*.[tT]*", w.dir + "/empty"}
	_, err := w.run(cfg)
	if err == nil {
		t.Fatal("is accepted")
	}
	for _, want := range []string{"no file matches", "which is a directory", "is not a pattern", "is an extended pattern", `would both be the asset`, "is empty"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if len(w.requests) > 0 {
		t.Errorf("requests %v", w.requests)
	}
}

func TestGlobsAndStrangeNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	for _, name := range []string{"a[1].txt", "a1.txt", "b c.txt", ".hidden"} {
		w.file(name, name)
	}
	cfg := w.config()
	cfg.Files = []string{w.dir + "/a[1].txt", w.dir + "/a?.txt", w.dir + "/{b c,.hidden}*", w.dir + "/a1.txt"}
	w.mustRun(cfg)
	var got []string
	for _, a := range w.only().Assets {
		got = append(got, a.Name+"="+a.Label)
	}
	slices.Sort(got)
	want := []string{"a.1.txt=a[1].txt", "a1.txt=", "b.c.txt=b c.txt", "hidden=.hidden"}
	if !slices.Equal(got, want) {
		t.Errorf("assets are %q, want %q", got, want)
	}
	w.mustRun(cfg)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("second run writes %q", writes)
	}
}
