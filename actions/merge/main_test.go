package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/merge"
)

func TestContract(t *testing.T) { actiontest.Contract[merge.Config, merge.Result](t) }
