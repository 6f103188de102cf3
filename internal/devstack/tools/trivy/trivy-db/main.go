// Command trivy-db writes the vulnerability database of the local world: files
// as Trivy downloads them, with advisories that nobody has issued. They tell of
// packages in the images that tests scan, and say that they are test data.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"go.etcd.io/bbolt"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: trivy-db DIR")
	}
	if err := write(os.Args[1], time.Now().UTC()); err != nil {
		log.Fatal(err)
	}
}

// write makes trivy.db and metadata.json in dir, as of now.
func write(dir string, now time.Time) (err error) {
	if err := db.Init(dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	put := db.Config{}
	err = put.BatchUpdate(func(tx *bbolt.Tx) error {
		for i, a := range advisories {
			// The year tells that it isn't one of MITRE's.
			if err := a.put(put, tx, fmt.Sprintf("CVE-0000-%04d", i+1), now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return metadata.NewClient(dir).Update(metadata.Metadata{
		Version: db.SchemaVersion, UpdatedAt: now, NextUpdate: now.Add(24 * time.Hour),
	})
}

// put stores the advisory under an ID.
func (a advisory) put(to db.Config, tx *bbolt.Tx, id string, now time.Time) error {
	source := types.DataSource{ID: a.from.id, Name: "test data of a local world", URL: "https://example.com/test-data"}
	if err := to.PutDataSource(tx, a.from.bucket, source); err != nil {
		return err
	}
	found := types.Advisory{FixedVersion: a.fixed}
	if a.from.ranges {
		found = types.Advisory{VulnerableVersions: []string{"< " + a.fixed}, PatchedVersions: []string{a.fixed}}
		if a.fixed == "" {
			found = types.Advisory{VulnerableVersions: []string{">= 0.0.0"}}
		}
	}
	if err := to.PutAdvisory(tx, []string{a.from.bucket, a.pkg}, id, &found); err != nil {
		return err
	}
	return to.PutVulnerability(tx, id, types.Vulnerability{
		Title:          "Test data: " + a.pkg + " " + a.title,
		Description:    "This advisory is test data of a local world. Nobody has issued it.",
		VendorSeverity: types.VendorSeverity{a.from.id: a.severity},
		References:     []string{"https://example.com/test-data/" + id},
		PublishedDate:  &now,
	})
}
