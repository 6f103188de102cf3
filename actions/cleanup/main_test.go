package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/cleanup"
)

func TestContract(t *testing.T) { actiontest.Contract[cleanup.Config, cleanup.Result](t) }
