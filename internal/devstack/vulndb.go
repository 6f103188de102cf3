package devstack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
)

// vulnDBs are where Trivy looks for its database, by ghcr.io's and
// mirror.gcr.io's names: one registry is behind both.
var vulnDBs = []string{"aquasecurity/trivy-db:2", "aquasec/trivy-db:2"}

// pushVulnDB makes the vulnerability database anew, since Trivy takes none that
// is old, and pushes it to the registry at address.
func (d *daemon) pushVulnDB(ctx context.Context, address string) error {
	dir := filepath.Join(d.plan.Dir, "trivy-db")
	if err := run(ctx, d.plan.Dir, filepath.Join(d.plan.Bin, "trivy-db"), dir); err != nil {
		return err
	}
	artifact, err := vulnDBArtifact(dir)
	if err != nil {
		return err
	}
	for _, at := range vulnDBs {
		ref, err := name.ParseReference(address+"/"+at, name.Insecure)
		if err != nil {
			return err
		}
		if err := remote.Push(ref, artifact, remote.WithContext(ctx)); err != nil {
			return fmt.Errorf("push %s: %w", at, err)
		}
	}
	return nil
}

// vulnDBArtifact is the database as Trivy's own are packed.
//
// https://trivy.dev/v0.69/guide/advanced/self-hosting/
func vulnDBArtifact(dir string) (v1.Image, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	a := &archive{tar.NewWriter(zip)}
	for _, file := range []string{"trivy.db", "metadata.json"} {
		if err := a.copyFile(file, 0o600, filepath.Join(dir, file)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(a.Close(), zip.Close()); err != nil {
		return nil, err
	}
	base := mutate.MediaType(empty.Image, "application/vnd.oci.image.manifest.v1+json")
	return mutate.Append(mutate.ConfigMediaType(base, "application/vnd.aquasec.trivy.config.v1+json"), mutate.Addendum{
		Layer:       static.NewLayer(packed.Bytes(), "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"),
		Annotations: map[string]string{"org.opencontainers.image.title": "db.tar.gz"},
	})
}
