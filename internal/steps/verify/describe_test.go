package verify_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/steps/verify"
)

func TestWhatAnImageIsIsShown(t *testing.T) {
	t.Parallel()
	w := release(t)
	c := config(w)
	c.Inspect = true
	result, err := run(t, w, c)
	if err != nil {
		t.Fatal(err)
	}
	var report verify.Report
	if err := json.Unmarshal(result.Report, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Images) != 3 {
		t.Fatalf("%d images", len(report.Images))
	}
	arm := report.Images[1]
	if arm.Platform != "linux/arm64" || arm.Digest != w.Digests[2] || arm.Size != 1234 || arm.User != "65532" ||
		!arm.Created.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || strings.Join(arm.Ports, "") != "8080/tcp" ||
		strings.Join(arm.Entrypoint, "") != "/app" || strings.Join(arm.Command, "") != "serve" {
		t.Errorf("got %+v", arm)
	}
	var out bytes.Buffer
	if err := result.Print(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, w, "inspected.txt", out.String())
	golden(t, w, "inspected.md", result.Summary())
}

func TestAConfigThatCanNotBeReadIsNoPass(t *testing.T) {
	t.Parallel()
	w := release(t)
	c := config(w)
	c.Inspect, c.Images = true, c.Images[:1]
	w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") || r.Method != http.MethodGet {
			return false
		}
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if result, err := run(t, w, c); err == nil || !strings.Contains(err.Error(), "config") || result.Digest != "" {
		t.Errorf("got %v", err)
	}
}
