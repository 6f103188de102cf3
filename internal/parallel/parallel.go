// Package parallel does independent work at once, within a bound. For work
// that ends with its first error there is errgroup.
package parallel

import (
	"errors"

	"golang.org/x/sync/errgroup"
)

// most is how many calls run at once: enough to hide a network's latency, and
// what registries put up with.
const most = 8

// Each calls do for every item and its index, several at once, whatever
// becomes of the others. It returns all errors, in the order of the items.
func Each[T any](items []T, do func(n int, item T) error) error {
	errs := make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(most)
	for n, item := range items {
		group.Go(func() error {
			errs[n] = do(n, item)
			return nil
		})
	}
	_ = group.Wait() // every error is in errs
	return errors.Join(errs...)
}
