// Command scanner is the image that BuildKit runs for --sbom=true: it
// describes a build's file systems with syft.
//
// https://github.com/moby/buildkit/blob/v0.34.2/docs/attestations/sbom-protocol.md
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/source/directorysource"
	_ "modernc.org/sqlite" // syft reads the databases of RPM and Nix through database/sql
)

func main() {
	if err := run(context.Background(), os.Getenv("BUILDKIT_SCAN_SOURCE"), os.Getenv("BUILDKIT_SCAN_SOURCE_EXTRAS"), os.Getenv("BUILDKIT_SCAN_DESTINATION")); err != nil {
		log.Fatal(err)
	}
}

// run scans the file system at source and each one in the folder extras, and
// writes what it finds into destination.
func run(ctx context.Context, source, extras, destination string) error {
	if source == "" || destination == "" {
		return errors.New("BUILDKIT_SCAN_SOURCE and BUILDKIT_SCAN_DESTINATION must be set")
	}
	roots := []string{source}
	if extras != "" {
		entries, err := os.ReadDir(extras)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			roots = append(roots, filepath.Join(extras, e.Name()))
		}
	}
	for _, root := range roots {
		statement, err := scan(ctx, root)
		if err != nil {
			return fmt.Errorf("scan %q: %w", root, err)
		}
		if err := os.WriteFile(filepath.Join(destination, filepath.Base(root)+".spdx.json"), statement, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// scan returns the SPDX document of a file system, as the in-toto statement
// that BuildKit takes; it adds the subject.
func scan(ctx context.Context, root string) ([]byte, error) {
	source, err := directorysource.New(directorysource.Config{Path: root, Base: root})
	if err != nil {
		return nil, err
	}
	defer source.Close() //nolint:errcheck // only read from
	found, err := syft.CreateSBOM(ctx, source, syft.DefaultCreateSBOMConfig())
	if err != nil {
		return nil, err
	}
	encoder, err := spdxjson.NewFormatEncoderWithConfig(spdxjson.DefaultEncoderConfig())
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	if err := encoder.Encode(&document, *found); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v0.1",
		"predicateType": "https://spdx.dev/Document",
		"predicate":     json.RawMessage(document.Bytes()),
	})
}
