package evidence_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence/evidencetest"
)

// The log answers the last entry only when a registry has the bundle of another.
func TestBundlesAreUploadedWhileOthersWaitForTheLog(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	uploaded := make(chan struct{})
	var once sync.Once
	w.Registries[1].Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/") && r.ContentLength > 1000 { // no empty config
			once.Do(func() { close(uploaded) })
		}
		return false
	})
	w.Sigstore.Rekor.SetFault(func(n int, _ http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if n == len(w.Digests) {
			select {
			case <-uploaded:
			case <-time.After(20 * time.Second):
				t.Error("no bundle was uploaded before the last was signed")
			}
		}
		return false
	})
	oneEverywhere(t, w, publish(t, w, repositories(w), signatures(w)))
}
