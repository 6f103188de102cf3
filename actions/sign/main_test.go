package main

import (
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/sign"
)

func TestContract(t *testing.T) { actiontest.Contract[sign.Config, sign.Result](t) }
