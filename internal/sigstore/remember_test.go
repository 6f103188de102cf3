package sigstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
)

func TestATokenIsAskedForOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		fail := true
		source := sigstore.Remember(func(_ context.Context, audience string) (secret.String, error) {
			asked[audience]++
			if fail {
				return secret.String{}, errors.New("no token")
			}
			return secret.New(audience), nil
		})
		if _, err := source(t.Context(), "a"); err == nil {
			t.Error("the error is lost")
		}
		fail = false
		var wg sync.WaitGroup
		for _, audience := range []string{"a", "b", "a", "b"} {
			wg.Go(func() {
				if token, err := source(t.Context(), audience); err != nil || token.Reveal() != audience {
					t.Errorf("%s: %v, %v", audience, token, err)
				}
			})
		}
		wg.Wait()
		if asked["a"] != 2 || asked["b"] != 1 {
			t.Errorf("asked %v", asked)
		}
		time.Sleep(time.Minute)
		if _, err := source(t.Context(), "b"); err != nil || asked["b"] != 2 {
			t.Errorf("asked %v after a minute, %v", asked, err)
		}
	})
}
