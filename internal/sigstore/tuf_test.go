package sigstore_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

// mirror is GitHub's TUF repository as a test makes it, and who reads it.
type mirror struct {
	*sigstoretest.Repository
	t    *testing.T
	i    *sigstoretest.Instance
	log  bytes.Buffer
	o    sigstore.Options
	down error
}

func newMirror(t *testing.T, expires time.Time) *mirror {
	t.Helper()
	m := &mirror{t: t, i: sigstoretest.New(t)}
	m.Repository = sigstoretest.NewRepository(t, expires, m.targets())
	m.o = sigstore.Options{
		Place: place{cache: t.TempDir()}, Log: slog.New(slog.NewTextHandler(&m.log, nil)),
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "tuf-repo.github.com" {
				t.Errorf("%s is asked", r.URL)
			}
			if m.down != nil {
				return nil, m.down
			}
			w := httptest.NewRecorder()
			m.ServeHTTP(w, r)
			return w.Result(), nil
		}),
	}.WithRoot(sigstore.GitHub, m.Root)
	return m
}

func (m *mirror) targets() map[string][]byte {
	m.t.Helper()
	trusted, err := os.ReadFile(m.i.TrustedRoot)
	if err != nil {
		m.t.Fatal(err)
	}
	return map[string][]byte{"trusted_root.json": trusted}
}

func (m *mirror) open(ctx context.Context) error {
	_, err := sigstore.NewVerifier(ctx, sigstore.Trust{Operator: sigstore.GitHub}, m.o)
	return err
}

// age makes what is kept older than a day.
func (m *mirror) age(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(m.o.Place.CacheDir(), "sigstore", "*", "refreshed"))
	if err != nil || len(found) != 1 {
		t.Fatalf("markers: %v, %v", found, err)
	}
	old := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(found[0], old, old); err != nil {
		t.Fatal(err)
	}
}

func TestWhatTUFSaysIsKeptForADay(t *testing.T) {
	t.Parallel()
	// The embedded root has expired, as those of both instances have; later ones count.
	m := newMirror(t, time.Now().Add(-time.Hour))
	m.Rotate(t, time.Now().Add(time.Hour))
	m.Publish(t, time.Now().Add(time.Hour), m.targets())
	open := func(want int) {
		t.Helper()
		before := m.Requests()
		if err := m.open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := m.Requests() - before; got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	}
	open(6) // the root's two, three roles and the target
	open(0)
	m.age(t)
	open(3) // the root's two and the timestamp, which is the same
	open(0)
	m.age(t)
	m.Publish(t, time.Now().Add(time.Hour), m.targets())
	open(5) // all but the target
	if m.log.Len() > 0 {
		t.Errorf("logged: %s", &m.log)
	}
}

func TestWhatTUFSaidIsUsedWhileItHolds(t *testing.T) {
	t.Parallel()
	down := errors.New("no route to host")
	for name, test := range map[string]struct {
		first time.Duration // how long what was kept holds
		then  func(m *mirror)
		want  string // of the error; none where what was kept is used
	}{
		"mirror down":                {time.Hour, func(m *mirror) { m.down = down }, ""},
		"mirror down, and expired":   {time.Second, func(m *mirror) { time.Sleep(time.Second); m.down = down }, "no route to host"},
		"an older version":           {time.Hour, rollBack, ""},
		"an older version, expired":  {time.Second, rollBackAndWait, "version"},
		"a version that has expired": {time.Hour, expire, ""},
		"another's signature": {time.Hour, func(m *mirror) {
			m.Set("timestamp.json", sigstoretest.NewRepository(m.t, time.Now().Add(time.Hour), nil).File("timestamp.json"))
		}, ""},
		"garbage": {time.Hour, func(m *mirror) { m.Set("timestamp.json", []byte("<html>")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t, time.Now().Add(time.Hour))
			m.Publish(t, time.Now().Add(test.first), m.targets())
			if err := m.open(t.Context()); err != nil {
				t.Fatal(err)
			}
			m.age(t)
			test.then(m)
			err := m.open(t.Context())
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || len(hint.Of(err)) == 0 {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || !strings.Contains(m.log.String(), "level=WARN") {
				t.Errorf("got %v, log %s", err, &m.log)
			}
			// What was refused is not kept, either.
			m.down = down
			if err := m.open(t.Context()); err != nil {
				t.Errorf("and then %v", err)
			}
		})
	}
}

// rollBack has the repository say what it said before its last version.
func rollBack(m *mirror) {
	m.t.Helper()
	older := m.File("timestamp.json")
	m.age(m.t)
	m.Publish(m.t, time.Now().Add(time.Second), m.targets())
	if err := m.open(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.age(m.t)
	m.Set("timestamp.json", older)
}

func rollBackAndWait(m *mirror) {
	m.t.Helper()
	rollBack(m)
	time.Sleep(time.Second)
}

func expire(m *mirror) {
	m.t.Helper()
	m.Publish(m.t, time.Now().Add(-time.Minute), m.targets())
}

func TestNothingIsBelievedWithoutASignature(t *testing.T) {
	t.Parallel()
	stranger := sigstoretest.NewRepository(t, time.Now().Add(time.Hour), nil)
	for name, change := range map[string]func(m *mirror){
		"a target that was changed": func(m *mirror) {
			for name, text := range m.Files() {
				if strings.HasPrefix(name, "targets/") {
					m.Set(name, bytes.Replace(text, []byte("http:"), []byte("evil:"), 1))
				}
			}
		},
		"another's timestamp":  func(m *mirror) { m.Set("timestamp.json", stranger.File("timestamp.json")) },
		"another's root":       func(m *mirror) { m.Set("2.root.json", stranger.Root) },
		"an expired timestamp": expire,
		"an expired root":      func(m *mirror) { m.Rotate(m.t, time.Now().Add(-time.Minute)) },
		"no target":            func(m *mirror) { m.Publish(m.t, time.Now().Add(time.Hour), nil) },
		"a bad target": func(m *mirror) {
			m.Publish(m.t, time.Now().Add(time.Hour), map[string][]byte{"trusted_root.json": []byte("{}")})
		},
		"nothing": func(m *mirror) { m.Set("timestamp.json", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t, time.Now().Add(time.Hour))
			change(m)
			if err := m.open(t.Context()); err == nil || len(hint.Of(err)) == 0 || !strings.Contains(err.Error(), "GitHub's Sigstore instance") {
				t.Errorf("got %v, mends %q", err, hint.Of(err))
			}
		})
	}
}

// A folder that cannot be written to, or none, only costs requests.
func TestWithoutAPlaceToKeepItTUFIsAskedAgain(t *testing.T) {
	t.Parallel()
	m := newMirror(t, time.Now().Add(time.Hour))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file} {
		m.o.Place = place{cache: dir}
		for range 2 {
			before := m.Requests()
			if err := m.open(t.Context()); err != nil || m.Requests() == before {
				t.Errorf("%q: %d requests, %v", dir, m.Requests()-before, err)
			}
		}
	}
}

// What is kept is verified whenever it is read.
func TestWhatIsKeptIsNotTrusted(t *testing.T) {
	t.Parallel()
	m := newMirror(t, time.Now().Add(-time.Hour))
	m.Rotate(t, time.Now().Add(time.Hour))
	m.Publish(t, time.Now().Add(time.Hour), m.targets())
	if err := m.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.down = errors.New("no route to host")
	stranger := sigstoretest.NewRepository(t, time.Now().Add(time.Hour), map[string][]byte{"trusted_root.json": []byte("{}")})
	dir := filepath.Join(m.o.Place.CacheDir(), "sigstore", "tuf-repo.github.com")
	for _, name := range []string{"root.json", "timestamp.json", "roots/2.root.json", "targets/trusted_root.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{nil, good[:len(good)/2], stranger.Root, stranger.File("timestamp.json")} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			// The root that go-tuf keeps is written, and never read.
			if err := m.open(t.Context()); (err == nil) != (name == "root.json") {
				t.Errorf("%s as %.20q: %v", name, bad, err)
			}
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.open(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithATrustedRootNobodyIsAsked(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	text := sign(t, i, digest)
	v, err := sigstore.NewVerifier(t.Context(), sigstore.Trust{TrustedRoot: i.TrustedRoot, Operator: sigstore.GitHub}, sigstore.Options{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s is asked", r.URL)
			return nil, errors.New("offline")
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(text, digest, identity); err != nil {
		t.Error(err)
	}
}
