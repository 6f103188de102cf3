package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/buildpush"
)

func TestContract(t *testing.T) { actiontest.Contract[buildpush.Config, buildpush.Result](t) }
