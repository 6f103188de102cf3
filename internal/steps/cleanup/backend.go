// Package cleanup removes what a retention policy doesn't keep from
// repositories of images. It plans first, and does nothing else unless it is
// told to.
package cleanup

import (
	"context"
	"errors"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

// ErrNoRestore says that a registry can't bring back what was deleted.
var ErrNoRestore = errors.New("the registry keeps nothing that was deleted")

// ErrLocked says that a registry never deletes a version, whoever asks: it stays,
// and others can go.
var ErrLocked = errors.New("the registry keeps it")

// ErrHeld says that a version has lost its tags, and goes for good with the last
// version that refers to it.
var ErrHeld = errors.New("what refers to it holds it")

// Backend is a registry, or several behind one door, as the step sees them. It
// takes stock of several repositories at once, and deletes one version after the
// other.
type Backend interface {
	// Repositories returns those that a pattern names, in order: a repository
	// itself, or one with * (not over a slash) or ** in its path, for which the
	// registry's account is asked. A pattern that names none is an error.
	Repositories(ctx context.Context, pattern string) ([]image.Repository, error)
	// List takes stock of a repository. An inventory that changes while it is read
	// is read again; what can't be read is in it as such.
	List(ctx context.Context, r image.Repository) (retention.Inventory, error)
	// Blobs returns what versions hold that List need not read, by their digests,
	// as far as it can be read: it only tells how much a plan frees.
	Blobs(ctx context.Context, r image.Repository, versions []image.Digest) map[image.Digest][]retention.Blob
	// Recheck says what has changed about a version since it was listed: it has
	// other tags, something new refers to it or holds it. "" means nothing has.
	// A version that is gone hasn't changed.
	Recheck(ctx context.Context, r image.Repository, v retention.Version) (changed string, err error)
	// Delete removes the version, or its tags where the inventory is TagsOnly. One
	// that is gone is no error; one that the registry never deletes is ErrLocked,
	// and one that it deletes after what refers to it is ErrHeld.
	Delete(ctx context.Context, r image.Repository, v retention.Version) error
	// Restore brings a deleted version back with its tags. One that is there is no
	// error. A registry that can't is one, by ErrNoRestore.
	Restore(ctx context.Context, r image.Repository, v retention.Version) error
}
