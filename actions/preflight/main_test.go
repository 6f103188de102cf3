package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/preflight"
)

func TestContract(t *testing.T) { actiontest.Contract[preflight.Config, preflight.Result](t) }
