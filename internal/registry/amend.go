package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// maxTurns bounds how often a tag is written that others write at the same time.
	maxTurns = 40
	// maxSettle bounds how long after a write the tag is looked at again.
	maxSettle = 5 * time.Second
)

// amend changes what a tag holds. edit gets what is there, a zero Manifest where
// there is nothing, and returns what should be there, or nil where that is it.
//
// Registries have no way to do that safely: a writer that reads before us and
// writes after us puts back what was there, without ours. Writers of this process
// take turns. Another's turn takes about as long as ours, round trips included, so
// that it is over when half as much again has passed: then the tag is read again,
// and what was lost is put again.
func (c *Client) amend(ctx context.Context, s *session, tag string, edit func(Manifest) (*Manifest, error)) error {
	unlock, err := c.locks.lock(ctx, "tag "+s.repo.Tag(tag).String())
	if err != nil {
		return err
	}
	defer unlock()
	for turn := range maxTurns {
		began := time.Now()
		old, err := s.tagged(ctx, tag)
		if err != nil {
			return err
		}
		next, err := edit(old)
		if err != nil {
			return fmt.Errorf("tag %q: %w", tag, err)
		}
		if next == nil {
			return nil
		}
		if err := s.put(ctx, tag, types.MediaType(next.MediaType), next.Raw); err != nil {
			return err
		}
		settle := max(time.Since(began)*3/2, c.settle, 1)
		if turn > 0 {
			settle += rand.N(settle) //nolint:gosec // not in step with the others, who would else meet again
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(settle, maxSettle)):
		}
	}
	return fmt.Errorf("tag %q was written %d times and does not show what was written: others write it at the same time", tag, maxTurns)
}

// manifestTypes are what a tag may hold.
var manifestTypes = map[string]string{"Accept": strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")}

// tagged returns what a tag holds, a zero Manifest where there is no such tag.
func (s *session) tagged(ctx context.Context, tag string) (Manifest, error) {
	got, err := s.do(ctx, http.MethodGet, s.url("manifests/"+tag), manifestTypes, nil, http.StatusOK, http.StatusNotFound)
	if err != nil || got.status == http.StatusNotFound {
		return Manifest{}, err
	}
	return NewManifest(string(mediaType(types.MediaType(got.header.Get("Content-Type")))), got.body), nil
}

// with returns the manifest with other values in some fields. All else in it
// stays, known here or not.
func (m Manifest) with(values map[string]any) (*Manifest, error) {
	fields := map[string]any{}
	for name, value := range object(m.Raw) {
		fields[name] = value
	}
	maps.Copy(fields, values)
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	changed := NewManifest(m.MediaType, raw)
	return &changed, nil
}

// items returns what a list of a JSON object holds, byte for byte.
func items(raw []byte, field string) []any {
	var list []json.RawMessage
	if json.Unmarshal(object(raw)[field], &list) != nil {
		return nil
	}
	var all []any
	for _, item := range list {
		all = append(all, item)
	}
	return all
}

// exact refuses an object with a field that some readers take for the one of
// that name, and others don't: in other letters.
func exact(raw []byte, names ...string) error {
	for field := range object(raw) {
		for _, name := range names {
			if field != name && strings.EqualFold(field, name) {
				return fmt.Errorf("it has a field %q beside or in place of %q", field, name)
			}
		}
	}
	return nil
}

func object(raw []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}
