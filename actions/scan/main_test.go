package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/scan"
)

func TestContract(t *testing.T) { actiontest.Contract[scan.Config, scan.Result](t) }
