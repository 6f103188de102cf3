package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what came out; if that is right, run go test -update:\n%s", path, got)
	}
}

// runner is a Console with groups as a runner reads them.
type runner struct{ bytes.Buffer }

func (r *runner) Group(title string) { r.WriteString("::group::" + title + "\n") }
func (r *runner) EndGroup()          { r.WriteString("::endgroup::\n") }

// terminal is a Console without groups.
type terminal struct{ bytes.Buffer }

func (r *terminal) Group(title string) { r.WriteString(title + "\n") }
func (r *terminal) EndGroup()          {}

// recordings returns files by name: what buildx wrote to standard error of
// builds with a real BuildKit.
func recordings(t *testing.T, patterns ...string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join("testdata", pattern+".rawjson"))
		if err != nil || len(paths) == 0 {
			t.Fatal("no recordings", err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[strings.TrimSuffix(filepath.Base(path), ".rawjson")] = content
		}
	}
	return files
}

// whole are the recordings whose log and summary are golden files.
var whole = []string{"*", "failed/run-3-platforms", "failed/third-blob-500", "failed/builder-dies"}

// replay writes a recording line by line, as it came, and returns the record.
func replay(t *testing.T, recording []byte, out Console) Record {
	t.Helper()
	log := New(out)
	for line := range bytes.Lines(recording) {
		if n, err := log.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	record, err := log.Close()
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestLogs(t *testing.T) {
	t.Parallel()
	for name, recording := range recordings(t, whole...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runner runner
			replay(t, recording, &runner)
			golden(t, name+".runner.txt", runner.String())
			var terminal terminal
			replay(t, recording, &terminal)
			golden(t, name+".terminal.txt", terminal.String())
		})
	}
}

// stream writes reports as buildx does, by a clock of seconds.
type stream struct {
	t   *testing.T
	log *Log
	out runner
}

func newStream(t *testing.T) *stream {
	t.Helper()
	s := &stream{t: t}
	s.log = New(&s.out)
	return s
}

func (s *stream) report(r map[string]any) {
	s.t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.log.Write(append(line, '\n')); err != nil {
		s.t.Fatal(err)
	}
}

func at(second float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(second * float64(time.Second))).UTC()
}

// start reports that a step was begun, and end that it has ended. The name is
// the digest, too.
func (s *stream) start(name string, start float64) {
	s.t.Helper()
	s.report(map[string]any{"vertexes": []any{map[string]any{"digest": name, "name": name, "started": at(start)}}})
}

func (s *stream) end(name string, start, end float64, more ...any) {
	s.t.Helper()
	v := map[string]any{"digest": name, "name": name, "started": at(start), "completed": at(end)}
	for i := 0; i < len(more); i += 2 {
		v[more[i].(string)] = more[i+1]
	}
	s.report(map[string]any{"vertexes": []any{v}})
}

func (s *stream) write(name, text string, second float64) {
	s.t.Helper()
	s.report(map[string]any{"logs": []any{map[string]any{"vertex": name, "stream": 1, "data": []byte(text), "timestamp": at(second)}}})
}

// printed returns what was printed since it was asked last.
func (s *stream) printed() string {
	defer s.out.Reset()
	return s.out.String()
}

func (s *stream) expect(want string) {
	s.t.Helper()
	if got := s.printed(); got != want {
		s.t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestOneStepIsLiveAtATime(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.start("[a 1/2] RUN one", 0)
	s.expect("::group::[a 1/2] RUN one\n")
	s.write("[a 1/2] RUN one", "1\n", 1)
	s.expect("1\n")
	s.start("[b 1/2] RUN two", 1)
	s.write("[b 1/2] RUN two", "2\n", 2)
	s.start("[c 1/2] RUN three", 2)
	s.write("[c 1/2] RUN three", "3\n", 2)
	s.end("[c 1/2] RUN three", 2, 3)
	s.expect("")
	s.write("[a 1/2] RUN one", "1 again\n", 3)
	s.expect("1 again\n")
	s.end("[a 1/2] RUN one", 0, 4)
	s.expect(`::endgroup::
    4.0s  [a 1/2]
::group::[c 1/2] RUN three
3
::endgroup::
    1.0s  [c 1/2]
::group::[b 1/2] RUN two
2
`)
	s.write("[b 1/2] RUN two", "2 again\n", 5)
	s.expect("2 again\n")
}

func TestReportsComeAgain(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.end("[a 1/2] FROM base", 0, 0.01)
	s.end("[a 1/2] FROM base", 0, 0.01)
	s.expect("") // it may go on
	s.start("[a 1/2] FROM base", 0.02)
	s.end("[a 1/2] FROM base", 0.02, 3)
	s.start("[a 2/2] RUN x", 3)
	s.end("[a 1/2] FROM base", 0.02, 3)
	s.end("[a 1/2] FROM base", 4, 4, "cached", true)
	s.end("[a 2/2] RUN x", 3, 5)
	record, err := s.log.Close()
	if err != nil {
		t.Fatal(err)
	}
	s.expect("    3.0s  [a 1/2] FROM base\n::group::[a 2/2] RUN x\n::endgroup::\n    2.0s  [a 2/2]\n")
	if n := len(record.Steps); n != 2 || record.Steps[0].Cached || record.Steps[0].Worked.Round(10*time.Millisecond) != 2990*time.Millisecond {
		t.Errorf("%d steps, the first is %+v", n, record.Steps[0])
	}
}

func TestOutputMayComeLateOrEarly(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.end("[a 1/1] COPY x", 0, 1)
	s.start("[b 1/1] RUN y", 1)
	s.end("[b 1/1] RUN y", 1, 2)
	s.expect("    1.0s  [a 1/1] COPY x\n::group::[b 1/1] RUN y\n::endgroup::\n    1.0s  [b 1/1]\n")
	s.write("[a 1/1] COPY x", "late\n", 3)
	s.expect("::group::[a 1/1] COPY x\nlate\n::endgroup::\n    1.0s  [a 1/1]\n")
	s.report(map[string]any{"vertexes": []any{map[string]any{"digest": "c", "name": "c"}}})
	s.write("c", "early", 4)
	s.expect("")
	if _, err := s.log.Close(); err != nil {
		t.Error(err)
	}
	s.expect("::group::c\nearly\n::endgroup::\n    0.0s  c\n")
}

func TestLongStepsWithoutOutputAreTold(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	const from = "[a 1/2] FROM base"
	s.start(from, 0)
	for second := range 12 {
		s.report(map[string]any{"statuses": []any{map[string]any{
			"id": "sha256:aa", "vertex": from, "current": second * 1e6, "total": 20e6, "timestamp": at(float64(second)), "started": at(0),
		}}})
	}
	s.expect("       …  [a 1/2] FROM base: 5.0 MB of 20 MB\n       …  [a 1/2] FROM base: 10 MB of 20 MB\n")
}

func TestTextKeepsItsPlace(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	say := func(text string) {
		if _, err := io.WriteString(s.log, text); err != nil {
			t.Error(err)
		}
	}
	say("first\n")
	s.expect("first\n")
	s.start("[a 1/1] RUN x", 0)
	say("{\"no\": report\nsecond\n")
	s.write("[a 1/1] RUN x", "no newline", 1)
	s.end("[a 1/1] RUN x", 0, 1)
	if _, err := io.WriteString(s.log.Stdout(), "{\"logs\": []}\nresult"); err != nil {
		t.Error(err)
	}
	say("last")
	if _, err := s.log.Close(); err != nil {
		t.Error(err)
	}
	s.expect("::group::[a 1/1] RUN x\nno newline\n::endgroup::\n    1.0s  [a 1/1]\n{\"no\": report\nsecond\n{\"logs\": []}\nlast\nresult\n")
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.start("[a 1/1] RUN live", 0)
	chunk := strings.Repeat(strings.Repeat("x", 99)+"\n", 100)
	for i := range 20 {
		name := fmt.Sprintf("[b %d/20] RUN held", i+1)
		s.start(name, 1)
		for range 250 { // 2.5 MB each
			s.write(name, chunk, 1)
		}
		if st := s.log.steps[name]; st.size > maxHeld {
			t.Fatalf("%d bytes are held of a step", st.size)
		}
	}
	if s.log.held > maxAllHeld {
		t.Errorf("%d bytes are held", s.log.held)
	}
	for i := range 2 * maxSteps {
		s.start(fmt.Sprintf("step %d", i), 1)
		s.start("[a 1/1] RUN live", float64(i)+1)
	}
	if n := len(s.log.steps); n > maxSteps {
		t.Errorf("%d steps are kept", n)
	}
	if n := len(s.log.steps["[a 1/1] RUN live"].intervals); n > maxIntervals {
		t.Errorf("%d intervals are kept", n)
	}
	for i := range 2 * maxParts {
		s.report(map[string]any{"statuses": []any{map[string]any{"id": fmt.Sprint(i), "vertex": "step 1", "started": at(0)}}})
	}
	if n := len(s.log.steps["step 1"].parts); n > maxParts {
		t.Errorf("%d parts are kept", n)
	}
	for i := range 2 * maxNotes {
		fmt.Fprintf(s.log, "note %d\n", i)
	}
	if n := len(s.log.notes); n > maxNotes {
		t.Errorf("%d notes are kept", n)
	}
	if _, err := s.log.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(s.printed(), "lines are left out") {
		t.Error("nothing tells that lines are left out")
	}
}

// broken is a Console that takes nothing.
type broken struct{}

var errBroken = errors.New("no space left")

func (broken) Write([]byte) (int, error) { return 0, errBroken }
func (broken) Group(string)              {}
func (broken) EndGroup()                 {}

func TestConsoleErrorsAreReturned(t *testing.T) {
	t.Parallel()
	log := New(broken{})
	_, err := log.Write([]byte("text\n"))
	if _, closed := log.Close(); !errors.Is(err, errBroken) || !errors.Is(closed, errBroken) {
		t.Errorf("errors %v and %v", err, closed)
	}
}
