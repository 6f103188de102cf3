package sbom

import (
	"context"
	"crypto/sha1" //nolint:gosec // SPDX wants it of every file
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"runtime"

	stereoscope "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
	"golang.org/x/sync/errgroup"
)

// digest adds the SHA-1 and SHA-256 of the files that packages own. syft would
// do that with a buffer and goroutines for each file, which takes twice the time.
func digest(ctx context.Context, files file.Resolver, content *sbom.SBOM) error {
	var regular []file.Location
	for location := range files.AllLocations(ctx) {
		if metadata, ok := content.Artifacts.FileMetadata[location.Coordinates]; ok && metadata.Type == stereoscope.TypeRegular {
			regular = append(regular, location)
		}
	}
	digests := make([][]file.Digest, len(regular))
	group, ctx := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), len(regular))
	for worker := range workers {
		group.Go(func() error {
			h := newHasher()
			for i := worker; i < len(regular); i += workers {
				var err error
				if digests[i], err = h.file(files, regular[i]); err != nil {
					return fmt.Errorf("read %q: %w", regular[i].RealPath, err)
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	content.Artifacts.FileDigests = make(map[file.Coordinates][]file.Digest, len(regular))
	for i, location := range regular {
		content.Artifacts.FileDigests[location.Coordinates] = digests[i]
	}
	return nil
}

// hasher hashes one file after the other.
type hasher struct {
	sha1, sha256 hash.Hash
	buffer       []byte
}

func newHasher() *hasher {
	return &hasher{sha1.New(), sha256.New(), make([]byte, 64<<10)} //nolint:gosec // see above
}

// file returns the digests as syft names them.
func (h *hasher) file(files file.Resolver, location file.Location) ([]file.Digest, error) {
	body, err := files.FileContentsByLocation(location)
	if err != nil {
		return nil, err
	}
	h.sha1.Reset()
	h.sha256.Reset()
	// Without its other methods, for the buffer to be used.
	_, err = io.CopyBuffer(io.MultiWriter(h.sha1, h.sha256), struct{ io.Reader }{body}, h.buffer)
	_ = body.Close() // it was only read
	return []file.Digest{
		{Algorithm: "sha1", Value: hex.EncodeToString(h.sha1.Sum(nil))},
		{Algorithm: "sha256", Value: hex.EncodeToString(h.sha256.Sum(nil))},
	}, err
}
