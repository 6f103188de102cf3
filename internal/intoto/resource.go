package intoto

import "encoding/json"

// Resource is something that a predicate names: a resource descriptor.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
type Resource struct {
	Name      string            `json:"name,omitempty"`
	URI       string            `json:"uri,omitempty"`
	Digest    map[string]string `json:"digest,omitempty"` // algorithm to hexadecimal digits
	MediaType string            `json:"mediaType,omitempty"`
}

// parseResources reads resource descriptors.
func parseResources(list []json.RawMessage) ([]Resource, error) {
	var resources []Resource
	for _, raw := range list {
		var r Resource
		err := fields(raw, map[string]any{"?name": &r.Name, "?uri": &r.URI, "?digest": &r.Digest, "?mediaType": &r.MediaType})
		if err != nil {
			return nil, err
		}
		resources = append(resources, r)
	}
	return resources, nil
}
