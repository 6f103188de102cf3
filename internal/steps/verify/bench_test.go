package verify_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
)

// latency is that of a registry not far away.
const latency = 20 * time.Millisecond

// BenchmarkPlatforms verifies images of more and more platforms in registries
// with a network's latency: time is to grow with the number of manifests in all
// registries, divided by how many are looked at at once.
func BenchmarkPlatforms(b *testing.B) {
	for _, registries := range []int{1, 2} {
		for _, platforms := range []int{1, 3, 7, 15, 31} {
			b.Run(fmt.Sprintf("%d×%d", platforms, registries), func(b *testing.B) {
				w, c := many(b, platforms, registries)
				v, err := sigstore.NewVerifier(b.Context(), w.Trust(), sigstore.Options{})
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					result, err := verify.Run(b.Context(), c, verify.Deps{Registry: w.Client, Verifier: v})
					if err != nil {
						b.Fatal(err)
					}
					if err := result.Print(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// many is a complete release of an image for n platforms.
func many(b *testing.B, n, registries int) (*evidencetest.World, verify.Config) {
	b.Helper()
	var platforms []image.Platform
	for i := range n {
		platforms = append(platforms, image.Platform{OS: "linux", Arch: "riscv64", Variant: fmt.Sprintf("v%d", i)})
	}
	w := evidencetest.New(b)
	var claims []evidence.Claim
	var repos []image.Repository
	for i, r := range w.Registries[:registries] {
		digests := r.PushImage(b, platforms...)
		r.Tag(b, digests[0], "1.2.3")
		repos = append(repos, r.Repository)
		for _, d := range digests {
			if i == 0 {
				claims = append(claims, claim(d, intoto.CosignSign), claim(d, intoto.SPDX), claim(d, intoto.CycloneDX))
			}
		}
	}
	if _, err := w.Publisher(b, evidencetest.Workflow).Publish(b.Context(), repos, claims); err != nil {
		b.Fatal(err)
	}
	c := config(w)
	c.Images, c.Platforms = c.Images[:registries], platforms
	for _, r := range w.Registries {
		r.Intercept(func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(latency)
			return false
		})
	}
	return w, c
}
