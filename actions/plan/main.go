// Command plan tells what the event that started a workflow calls for.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/plan"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("plan", contract, run) }

func run(_ context.Context, rt *action.Runtime, cfg plan.Config) (plan.Result, error) {
	job, err := rt.Job()
	if err != nil {
		return plan.Result{}, err
	}
	event, err := plan.NewEvent(job)
	if err != nil {
		return plan.Result{}, err
	}
	return plan.Run(cfg, plan.Deps{Event: event, Log: rt.Log})
}
