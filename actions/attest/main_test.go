package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/attest"
)

func TestContract(t *testing.T) { actiontest.Contract[attest.Config, attest.Result](t) }
