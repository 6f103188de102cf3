package registries

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/org/release-actions/internal/image"
)

// cache keeps manifests between runs, each in a file that is named by its
// digest. They never change, so that actions/cache may keep the folder; what is
// in it is believed only if it has the digest.
type cache struct{ dir string }

func (c cache) path(d image.Digest) string { return filepath.Join(c.dir, "sha256", d.Hex()) }

// get returns a manifest, or nil where it isn't there or has been tampered with.
func (c cache) get(d image.Digest) []byte {
	if c.dir == "" {
		return nil
	}
	raw, err := os.ReadFile(c.path(d))
	if err != nil {
		return nil
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != d.Hex() {
		return nil
	}
	return raw
}

// put keeps a manifest. That it can't is no harm: it is read once more, then.
func (c cache) put(d image.Digest, raw []byte) error {
	if c.dir == "" {
		return nil
	}
	path := c.path(d)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for actions/cache, too
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	_, err = bytes.NewReader(raw).WriteTo(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the first error says more
	}
	return err
}
