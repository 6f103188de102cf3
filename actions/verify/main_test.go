package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/verify"
)

func TestContract(t *testing.T) { actiontest.Contract[verify.Config, verify.Result](t) }
