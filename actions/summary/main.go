// Command summary makes one page of what the steps of a run did.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/summary"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("summary", contract, run) }

func run(_ context.Context, rt *action.Runtime, cfg summary.Config) (summary.Result, error) {
	return summary.Run(cfg, summary.Deps{Log: rt.Log})
}
