package releasenotes_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

// BenchmarkUploads releases 50 files of 1 MB, each call answered 50 ms late, one file
// after the other and at once, in turns. The ratios are those of both times: of
// the whole run, and of what the files add to a run without any.
func BenchmarkUploads(b *testing.B) {
	content := string(bytes.Repeat([]byte("x"), 1_000_000))
	release := func(files int, inOrder bool) time.Duration {
		w := newWorld(b, github.Options{})
		cfg := w.config()
		cfg.Files, cfg.PreserveOrder = nil, inOrder
		for n := range files {
			cfg.Files = append(cfg.Files, w.file(fmt.Sprint("file-", n), content))
		}
		if err := w.faults.Add(fault.Rule{Delay: fault.Duration(50 * time.Millisecond)}); err != nil {
			b.Fatal(err)
		}
		d := w.deps()
		d.Log = slog.New(slog.DiscardHandler)
		start := time.Now()
		if _, err := releasenotes.Run(b.Context(), cfg, d); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var none, one, all time.Duration
	for b.Loop() {
		none += release(0, false)
		one += release(50, true)
		all += release(50, false)
	}
	b.ReportMetric(one.Seconds()/float64(b.N), "s/one-by-one")
	b.ReportMetric(all.Seconds()/float64(b.N), "s/at-once")
	b.ReportMetric(one.Seconds()/all.Seconds(), "ratio/run")
	b.ReportMetric((one-none).Seconds()/(all-none).Seconds(), "ratio/uploads")
	b.ReportMetric(0, "ns/op")
}
