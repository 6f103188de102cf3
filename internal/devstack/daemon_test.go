package devstack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test program pass for a daemon that dies at once, which is
// how startDaemon runs it.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == daemonCommand {
		os.Exit(7)
	}
	os.Exit(m.Run())
}

func TestDaemonThatDiesIsNoSuccess(t *testing.T) {
	t.Parallel()
	p := &plan{Dir: filepath.Join(t.TempDir(), "world")}
	lock, err := lockCache(t.TempDir(), p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	err = startDaemon(t.Context(), p, lock)
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "devstack.log") {
		t.Errorf("error %v, want how it ended and where its log is", err)
	}
}
