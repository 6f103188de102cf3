package sigstoretest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Repository is a TUF repository with keys of its own, and an http.Handler.
//
// https://theupdateframework.github.io/specification/v1.0.33/
type Repository struct {
	// Root is version 1 of the root, as a client embeds it.
	Root []byte

	mu       sync.Mutex
	files    map[string][]byte
	requests int
	version  int64
	roots    int64
	rootKey  ed25519.PrivateKey
	key      ed25519.PrivateKey // of all other roles
}

// NewRepository returns a repository of targets, whose first root expires at expires.
func NewRepository(tb testing.TB, expires time.Time, targets map[string][]byte) *Repository {
	tb.Helper()
	r := &Repository{files: map[string][]byte{}, rootKey: newEd25519(tb)}
	r.Rotate(tb, expires)
	r.Root = r.File("1.root.json")
	r.Publish(tb, time.Now().Add(time.Hour), targets)
	return r
}

// Rotate publishes a root with another key for the other roles.
func (r *Repository) Rotate(tb testing.TB, expires time.Time) {
	tb.Helper()
	r.key = newEd25519(tb)
	r.roots++
	root := metadata.Root(expires)
	root.Signed.Version = r.roots
	for role, key := range map[string]ed25519.PrivateKey{"root": r.rootKey, "targets": r.key, "snapshot": r.key, "timestamp": r.key} {
		public, err := metadata.KeyFromPublicKey(key.Public())
		if err == nil {
			err = root.Signed.AddKey(public, role)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	r.Set(fmt.Sprintf("%d.root.json", r.roots), signed(tb, root, r.rootKey))
}

// Publish publishes a version with targets that is good until expires.
func (r *Repository) Publish(tb testing.TB, expires time.Time, targets map[string][]byte) {
	tb.Helper()
	r.version++
	t := metadata.Targets(expires)
	t.Signed.Version = r.version
	for name, text := range targets {
		info, err := metadata.TargetFile().FromBytes(name, text, "sha256")
		if err != nil {
			tb.Fatal(err)
		}
		t.Signed.Targets[name] = info
		sum := sha256.Sum256(text)
		r.Set(path.Join("targets", hex.EncodeToString(sum[:])+"."+name), text)
	}
	snapshot := metadata.Snapshot(expires)
	snapshot.Signed.Version = r.version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(r.version)
	timestamp := metadata.Timestamp(expires)
	timestamp.Signed.Version = r.version
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(r.version)
	r.Set(fmt.Sprintf("%d.targets.json", r.version), signed(tb, t, r.key))
	r.Set(fmt.Sprintf("%d.snapshot.json", r.version), signed(tb, snapshot, r.key))
	r.Set("timestamp.json", signed(tb, timestamp, r.key))
}

func signed[T metadata.Roles](tb testing.TB, m *metadata.Metadata[T], key ed25519.PrivateKey) []byte {
	tb.Helper()
	signer, err := signature.LoadSigner(key, crypto.Hash(0))
	if err == nil {
		_, err = m.Sign(signer)
	}
	if err != nil {
		tb.Fatal(err)
	}
	text, err := m.ToBytes(false)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func newEd25519(tb testing.TB) ed25519.PrivateKey {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// File returns a file of the repository.
func (r *Repository) File(name string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files[name]
}

// Set puts a file into the repository.
func (r *Repository) Set(name string, text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = text
}

// Files returns the files by their names.
func (r *Repository) Files() map[string][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.files)
}

// Requests returns how many requests came.
func (r *Repository) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// ServeHTTP implements http.Handler.
func (r *Repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests++
	text, ok := r.files[req.URL.Path[1:]]
	r.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	_, _ = w.Write(text)
}
