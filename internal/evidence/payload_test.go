package evidence

import (
	"encoding/json"
	"testing"

	"github.com/org/release-actions/internal/image"
)

// Whatever was signed: no panic, and it counts only where it names the digest.
func FuzzCheckPayload(f *testing.F) {
	const digest = image.Digest("sha256:" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	repo, err := image.ParseRepository("ghcr.io/acme/app")
	if err != nil {
		f.Fatal(err)
	}
	ours, err := newPayload(repo, digest)
	if err != nil || checkPayload(ours, digest) != nil {
		f.Fatal(err, checkPayload(ours, digest))
	}
	f.Add(ours)
	f.Add([]byte(`{"critical":{"identity":null,"image":{"docker-manifest-digest":"` + string(digest) + `"},"type":"cosign container image signature"},"optional":{"a":{"b":[]}}}`))
	f.Add([]byte(`{"critical":{"image":{"docker-manifest-digest":"sha256:b"}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if checkPayload(payload, digest) != nil {
			return
		}
		var said struct {
			Critical struct {
				Image struct {
					Digest string `json:"docker-manifest-digest"`
				}
			}
		}
		if err := json.Unmarshal(payload, &said); err != nil || said.Critical.Image.Digest != string(digest) {
			t.Errorf("%s counts, %v", payload, err)
		}
	})
}
