package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/trivy"
)

// maxConfig bounds, in bytes, the config of an image that is read.
const maxConfig = 4 << 20

// Image is what the image for one platform says of itself.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
type Image struct {
	Platform   string       `json:"platform"`
	Digest     image.Digest `json:"digest"`
	Size       int64        `json:"size"` // of the layers, compressed, in bytes
	Created    *time.Time   `json:"created,omitempty"`
	User       string       `json:"user,omitempty"` // root where empty
	Ports      []string     `json:"ports,omitempty"`
	Entrypoint []string     `json:"entrypoint,omitempty"`
	Command    []string     `json:"command,omitempty"`
	// Findings of a scan, by severity; nil where there was none.
	Findings map[trivy.Severity]int `json:"findings,omitempty"`

	platform image.Platform // the first that it is for
	labels   map[string]string
}

// describe reads the image of every platform of t, or of the first alone, and
// returns the check that they could be read.
func describe(ctx context.Context, d Deps, t target, all bool) ([]Image, Check) {
	var subjects []evidence.Subject
	for _, s := range t.subjects {
		if len(s.Platforms) > 0 && (all || len(subjects) == 0) {
			subjects = append(subjects, s)
		}
	}
	images := make([]Image, len(subjects))
	err := parallel.Each(subjects, func(n int, s evidence.Subject) (err error) {
		images[n], err = describeOne(ctx, d, t.ref.Repository.Pin(s.Digest), s)
		return err
	})
	check := Check{Image: t.ref.String(), Digest: t.pinned.Digest, Of: "image", Claim: "config"}
	if err != nil {
		return images, failed(check, err)
	}
	return images, check.verified(fmt.Sprintf("read for %d platforms", len(images)))
}

func describeOne(ctx context.Context, d Deps, at image.Pinned, s evidence.Subject) (Image, error) {
	found := Image{Platform: s.String(), Digest: at.Digest, platform: s.Platforms[0]}
	img, err := d.Registry.Image(ctx, at)
	if err != nil {
		return found, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return found, fmt.Errorf("manifest of %q: %w", at, err)
	}
	if manifest.Config.Size > maxConfig {
		return found, fmt.Errorf("config of %q: it has %d bytes, more than %d", at, manifest.Config.Size, maxConfig)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return found, fmt.Errorf("config of %q: %w", at, err)
	}
	for _, layer := range manifest.Layers {
		found.Size += layer.Size
	}
	if created := config.Created.UTC(); !created.IsZero() {
		found.Created = &created
	}
	c := config.Config
	found.User, found.Entrypoint, found.Command, found.labels = c.User, c.Entrypoint, c.Cmd, c.Labels
	found.Ports = slices.Sorted(maps.Keys(c.ExposedPorts))
	return found, nil
}

// imageTable returns the images in a table for people, under a heading. Findings
// have a column where there was a scan.
func imageTable(images []Image) [][]string {
	if len(images) == 0 {
		return nil
	}
	rows := [][]string{{"platform", "size", "created", "user", "ports", "entrypoint", "findings"}}
	scanned := false
	for _, i := range images {
		rows = append(rows, i.row())
		scanned = scanned || i.Findings != nil
	}
	for n, row := range rows {
		if !scanned {
			rows[n] = row[:len(row)-1]
		}
	}
	return rows
}

func (i Image) row() []string {
	created := ""
	if i.Created != nil {
		created = i.Created.Format(time.RFC3339)
	}
	return []string{
		i.Platform, size(i.Size), created, printable(cmp.Or(i.User, "root")), printable(strings.Join(i.Ports, " ")),
		printable(strings.Join(slices.Concat(i.Entrypoint, i.Command), " ")), i.findings(),
	}
}

// findings are the numbers of them, the worst first.
func (i Image) findings() string {
	if i.Findings == nil {
		return "not scanned"
	}
	var texts []string
	for _, severity := range trivy.Severities() {
		if n := i.Findings[severity]; n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n, strings.ToLower(severity.String())))
		}
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n), 0
	for ; value >= unit && prefix < len("kMGT"); prefix++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGT"[prefix-1])
}
