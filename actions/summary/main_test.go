package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/summary"
)

func TestContract(t *testing.T) { actiontest.Contract[summary.Config, summary.Result](t) }
