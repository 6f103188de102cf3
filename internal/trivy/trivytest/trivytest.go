// Package trivytest pretends to be Trivy, for tests of what runs it.
package trivytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Version is what it says it is, unless a plan says something else.
const Version = "0.69.3"

// Main is for TestMain. It makes the test's program Trivy where it is called so:
// it does as the file "plan" beside it says, and writes down how it was called.
func Main(m *testing.M) {
	if filepath.Base(os.Args[0]) == "trivy" {
		os.Exit(pretend(filepath.Dir(os.Args[0])))
	}
	os.Exit(m.Run())
}

// Plan is how the pretended Trivy behaves.
type Plan struct {
	Version string
	Fail    map[string]string // an argument, and what is logged before it fails
	Crash   string            // an argument at which it is killed
	Hang    string            // one at which it takes for ever
	Report  string            // what a scan finds, in Trivy's format
	// Reports are what scans of an argument find, in the place of Report.
	Reports  map[string]string
	Updated  time.Time // the age of the database that it fetches
	NeedJava bool      // it asks for the Java database where it scans
}

// Call is one run of the pretended Trivy.
type Call struct {
	Args, Env []string
	Logins    string
}

func pretend(dir string) int {
	var p Plan
	if text, err := os.ReadFile(filepath.Join(dir, "plan")); err != nil || json.Unmarshal(text, &p) != nil {
		panic("no plan")
	}
	args := os.Args[1:]
	if args[0] == "version" {
		fmt.Printf(`{"Version":%q}`, p.Version)
		return 0
	}
	logins, _ := os.ReadFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"))
	text, _ := json.Marshal(Call{args, os.Environ(), string(logins)})
	calls, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(calls, string(text))
	calls.Close()
	for _, arg := range args {
		if said, ok := p.Fail[arg]; ok {
			fmt.Fprint(os.Stderr, said)
			return 1
		}
		switch arg {
		case p.Crash:
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case p.Hang:
			time.Sleep(time.Minute)
		}
	}
	after := func(flag string) string { return args[slices.Index(args, flag)+1] }
	cache := after("--cache-dir")
	switch {
	case slices.Contains(args, "--download-db-only"):
		p.database(filepath.Join(cache, "db"), "trivy.db")
	case slices.Contains(args, "--download-java-db-only"):
		p.database(filepath.Join(cache, "java-db"), "trivy-java.db")
	case p.NeedJava && noFile(filepath.Join(cache, "java-db")):
		fmt.Fprint(os.Stderr, "2026-11-25T12:00:00Z\tFATAL\tFatal error\t'--skip-java-db-update' cannot be specified on the first run\n")
		return 1
	default:
		report := p.Report
		for _, arg := range args {
			if other, ok := p.Reports[arg]; ok {
				report = other
			}
		}
		write(after("--output"), report)
	}
	return 0
}

// database writes one that is to be fetched anew after a day.
func (p Plan) database(dir, file string) {
	write(filepath.Join(dir, file), "")
	write(filepath.Join(dir, "metadata.json"), fmt.Sprintf(`{"UpdatedAt":%q,"NextUpdate":%q,"DownloadedAt":%[1]q}`,
		p.Updated.Format(time.RFC3339), p.Updated.Add(24*time.Hour).Format(time.RFC3339)))
}

func noFile(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

func write(path, text string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err)
	}
}

// Install puts a Trivy with that plan into a folder of its own.
func Install(t *testing.T, p Plan) (program string) {
	t.Helper()
	if p.Version == "" {
		p.Version = Version
	}
	if p.Updated.IsZero() {
		p.Updated = time.Now()
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(t.TempDir(), "trivy")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(filepath.Dir(program), "plan"), string(text))
	return program
}

// Calls are the runs of an installed Trivy, but for those about its version.
func Calls(t *testing.T, program string) (all []Call) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var c Call
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}
