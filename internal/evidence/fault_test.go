package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

func TestNothingIsAttachedBeforeAllIsSigned(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	// The last of the signatures fails.
	w.Sigstore.Rekor.SetFault(func(n int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if n >= len(w.Digests) {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		return n >= len(w.Digests)
	})
	before := w.Registries[0].Attached() + w.Registries[1].Attached()
	_, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repositories(w), signatures(w))
	var failed *sigstore.ServiceError
	if !errors.As(err, &failed) || failed.Service != "rekor" || !strings.HasPrefix(err.Error(), "attached 0 of 8 ") || strings.Count(err.Error(), "\n") != 9 || len(hint.Of(err)) == 0 {
		t.Errorf("got %v, mends %q", err, hint.Of(err))
	}
	if n := w.Registries[0].Attached() + w.Registries[1].Attached() - before; n != 0 {
		t.Errorf("%d manifests were put", n)
	}
	// With the log back, another run finishes.
	w.Sigstore.Rekor.SetFault(nil)
	oneEverywhere(t, w, publish(t, w, repositories(w), signatures(w)))
}

func TestAnUnreadableRegistryIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"listing": "/referrers/", "artifact": "/blobs/"} {
		w := evidencetest.New(t)
		publish(t, w, repositories(w), signatures(w))
		before := w.Sigstore.Entries()
		w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, path) {
				rw.WriteHeader(http.StatusInternalServerError)
				return true
			}
			return false
		})
		if _, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repositories(w), signatures(w)); err == nil || !strings.Contains(err.Error(), "500") {
			t.Errorf("%s: %v", name, err)
		}
		if n := w.Sigstore.Entries() - before; n != 0 {
			t.Errorf("%s: %d signatures were made", name, n)
		}
	}
}

func TestAFailedAttachmentSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	var mu sync.Mutex
	denied := true
	w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if denied && r.Method == http.MethodPut {
			rw.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	p := w.Publisher(t, evidencetest.Workflow)
	var err error
	if p.Subjects, err = evidence.Subjects(t.Context(), w.Client, w.Images[0]); err != nil {
		t.Fatal(err)
	}
	_, err = p.Publish(t.Context(), repositories(w), signatures(w))
	if !errors.Is(err, registry.ErrDenied) || !strings.HasPrefix(err.Error(), "attached 4 of 8 pieces of evidence; ") || strings.Count(err.Error(), "403") != 1 {
		t.Errorf("got %v", err)
	}
	var missing strings.Builder
	for n, of := range []string{"index", "linux/amd64", "linux/arm64", "linux/arm/v7"} {
		fmt.Fprintf(&missing, "\n  %s %s: signature", w.Registries[1].Repository.Pin(w.Digests[n]), of)
	}
	if !strings.HasSuffix(err.Error(), "\nmissing:"+missing.String()) {
		t.Errorf("got %v\nwant it to end with%s", err, missing.String())
	}
	mu.Lock()
	denied = false
	mu.Unlock()
	before := w.Sigstore.Entries()
	bundles := publish(t, w, repositories(w), signatures(w))
	oneEverywhere(t, w, bundles)
	if n := w.Sigstore.Entries() - before; n > len(w.Digests) {
		t.Errorf("%d log entries", n)
	}
}

// A trusted root of another instance than that which signs: found out before
// anything is attached.
func TestANewSignatureMustVerify(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	p := w.Publisher(t, evidencetest.Workflow)
	var err error
	p.Verifier, err = sigstore.NewVerifier(t.Context(), sigstore.Trust{TrustedRoot: sigstoretest.New(t).TrustedRoot}, sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := w.Registries[0].Attached()
	_, err = p.Publish(t.Context(), repositories(w), signatures(w))
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "same Sigstore instance") {
		t.Errorf("got %v, mends %q", err, hint.Of(err))
	}
	if n := w.Registries[0].Attached() - before; n != 0 {
		t.Errorf("%d manifests were put", n)
	}
}

func TestPublishingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.Sigstore.Rekor.SetFault(func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		cancel()
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if _, err := w.Publisher(t, evidencetest.Workflow).Publish(ctx, repositories(w), signatures(w)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
