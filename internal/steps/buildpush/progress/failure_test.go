package progress

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	files := recordings(t, "failed/*")
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&got, "== %s\n%s\n", name, replay(t, files[name], &terminal{}).Failure())
	}
	golden(t, "failures.txt", got.String())
}

func TestFailureIsBounded(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	const make = "[build 3/5] RUN make"
	s.start(make, 0)
	for i := range 500 {
		s.write(make, fmt.Sprintf("line %d\n", i), 1)
	}
	s.end(make, 0, 2, "error", `process "/bin/sh -c make" did not complete successfully: exit code: 2`)
	fmt.Fprintf(s.log, "Dockerfile:1\n%s\n%s%s\n", rule, strings.Repeat(" >>> RUN\n", 100), rule)
	fmt.Fprintln(s.log, `ERROR: failed to build: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2`)
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	f := record.Failure()
	if len(f.Output) != maxTail || f.Output[maxTail-1] != "line 499" || f.Step != make || f.Cause != "exit code: 2" {
		t.Errorf("%d lines, failure %+v", len(f.Output), f)
	}
	if n := len(f.Place); n != maxTail+1 || f.Place[0] != "Dockerfile:1" || f.Place[n-1] != "…" {
		t.Errorf("%d lines of the Dockerfile: %q", len(f.Place), f.Place)
	}
}

func TestFirstFailureIsTold(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.start("[a 1/1] RUN cancelled", 0)
	s.start("[b 1/1] RUN first", 0)
	s.start("[c 1/1] RUN second", 0)
	s.end("[a 1/1] RUN cancelled", 0, 1, "error", `process "x" did not complete successfully: exit code: 137: context canceled`)
	s.end("[c 1/1] RUN second", 0, 3, "error", "later")
	s.end("[b 1/1] RUN first", 0, 2, "error", "sooner")
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	if f := record.Failure(); f.Step != "[b 1/1] RUN first" || f.Cause != "sooner" {
		t.Errorf("failure is %+v", f)
	}
}

func TestFailureWithoutAWord(t *testing.T) {
	t.Parallel()
	if got := (Record{}).Failure().String(); got != "" {
		t.Errorf("failure is %q", got)
	}
	s := newStream(t)
	for i := range 100 {
		fmt.Fprintf(s.log, "finding %d\n", i)
	}
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	if got := record.Failure().String(); strings.Count(got, "\n") != maxTail-1 || !strings.HasSuffix(got, "finding 99") {
		t.Errorf("failure is %q", got)
	}
}
