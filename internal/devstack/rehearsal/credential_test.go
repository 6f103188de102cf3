//go:build e2e

package rehearsal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// searchLogs looks for credentials in what the world leaves: its logs.
func searchLogs() error {
	files := 0
	err := filepath.WalkDir(filepath.Join(source, "out", "world"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, value := range planted() {
			if strings.Contains(string(text), value) {
				err = errors.Join(err, fmt.Errorf("%s holds a credential", path))
			}
		}
		return err
	})
	if files == 0 {
		err = errors.Join(err, errors.New("the world left no logs to search"))
	}
	return err
}

// planted are the credentials that must appear nowhere.
func planted() []string {
	var values []string
	for _, name := range []string{"GITHUB_TOKEN", "DOCKERHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		values = append(values, world.Env[name])
	}
	return values
}

func noCredential(t *testing.T, where, text string) {
	t.Helper()
	for _, value := range planted() {
		if value == "" {
			t.Fatal("a credential of the world is empty")
		}
		if at := strings.Index(text, value); at >= 0 {
			t.Errorf("%s holds a credential: …%s***", where, text[max(0, at-80):at])
		}
	}
}

func noCredentialBelow(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		noCredential(t, path, string(text))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// watchArguments collects the argument lists of all processes until the
// returned function is called.
func watchArguments(t *testing.T) func() string {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, list := range lists {
				text, err := os.ReadFile(list)
				if errors.Is(err, fs.ErrNotExist) || len(text) == 0 {
					continue // it has ended
				}
				mu.Lock()
				seen[strings.ReplaceAll(string(text), "\x00", " ")] = true
				mu.Unlock()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() string {
		cancel()
		<-done
		var all strings.Builder
		for list := range seen {
			all.WriteString(list + "\n")
		}
		return all.String()
	}
}
