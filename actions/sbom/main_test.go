package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/sbom"
)

func TestContract(t *testing.T) { actiontest.Contract[sbom.Config, sbom.Result](t) }
