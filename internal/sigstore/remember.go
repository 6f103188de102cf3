package sigstore

import (
	"context"
	"sync"
	"time"

	"github.com/org/release-actions/internal/secret"
)

// remembered is how long a token serves: a step asks several times within
// seconds, and GitHub's are good for five minutes.
const remembered = time.Minute

// Remember returns a source that asks source once a minute for each audience, and
// hands out the same token meanwhile. An error is not remembered.
func Remember(source TokenSource) TokenSource {
	type token struct {
		value secret.String
		asked time.Time
	}
	var mu sync.Mutex
	tokens := map[string]token{}
	return func(ctx context.Context, audience string) (secret.String, error) {
		mu.Lock()
		defer mu.Unlock()
		if t, ok := tokens[audience]; ok && time.Since(t.asked) < remembered {
			return t.value, nil
		}
		asked := time.Now()
		value, err := source(ctx, audience)
		if err == nil {
			tokens[audience] = token{value, asked}
		}
		return value, err
	}
}
