package metadata

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/job"
)

// BenchmarkTags shows that the time for one tag stays the same up to 1,000.
func BenchmarkTags(b *testing.B) {
	for _, size := range []struct{ rules, images int }{{1, 1}, {10, 1}, {10, 10}, {100, 1}, {100, 10}, {1000, 1}} {
		b.Run(fmt.Sprintf("%dx%d", size.rules, size.images), func(b *testing.B) {
			var tags, images strings.Builder
			for i := range size.rules {
				fmt.Fprintf(&tags, "type=semver,pattern={{major}}.{{minor}}.{{patch}},prefix=%d-\n", i)
			}
			for i := range size.images {
				fmt.Fprintf(&images, "ghcr.io/org/app%d\n", i)
			}
			inputs := map[string]string{"images": images.String(), "tags": tags.String(), "flavor": "latest=false"}
			about := ghapi.About{Name: "app"}
			for b.Loop() {
				cfg, err := config(inputs)
				if err != nil {
					b.Fatal(err)
				}
				r, err := Run(b.Context(), cfg, Deps{
					Job:    job.Job{EventName: "push", Ref: "refs/tags/v1.2.3", Commit: commit, Event: map[string]any{"repository": about}},
					Getenv: noSettings, Log: slog.New(slog.DiscardHandler),
				})
				if err != nil || strings.Count(r.Tags, "\n")+1 != size.rules*size.images {
					b.Fatalf("%d tags, %v", strings.Count(r.Tags, "\n")+1, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.rules*size.images), "ns/tag")
		})
	}
}
