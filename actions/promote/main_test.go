package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/promote"
)

func TestContract(t *testing.T) { actiontest.Contract[promote.Config, promote.Result](t) }
