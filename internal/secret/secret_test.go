package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/secret"
)

func TestStringIsNeverShown(t *testing.T) {
	t.Parallel()
	type config struct{ Token secret.String }
	c := config{Token: secret.New("hunter2")}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", c.Token, "config", c)
	for name, got := range map[string]string{
		"%v":   fmt.Sprintf("%v", c),
		"%+v":  fmt.Sprintf("%+v", c),
		"%#v":  fmt.Sprintf("%#v", c),
		"%s":   fmt.Sprintf("%s", c.Token),
		"%q":   fmt.Sprintf("%q", c.Token),
		"%x":   fmt.Sprintf("%x", c.Token),
		"&":    fmt.Sprintf("%v", &c.Token),
		"json": string(asJSON),
		"slog": log.String(),
	} {
		if strings.Contains(got, "hunter2") || strings.Contains(got, "68756e74657232") {
			t.Errorf("%s shows the secret: %s", name, got)
		}
		if !strings.Contains(got, "***") {
			t.Errorf("%s = %s, want it to contain ***", name, got)
		}
	}
	if c.Token.Reveal() != "hunter2" {
		t.Error("Reveal lost the value")
	}
}
