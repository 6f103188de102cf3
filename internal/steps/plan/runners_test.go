package plan_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/plan"
)

func TestRunners(t *testing.T) {
	t.Parallel()
	const platforms = "linux/amd64,linux/arm64,linux/arm/v7,linux/arm/v6"
	for runners, want := range map[string]string{
		"ubuntu-latest": "ubuntu-latest ubuntu-latest ubuntu-latest ubuntu-latest",
		"default=ubuntu-24.04\nlinux/arm=ubuntu-24.04-arm\nlinux/arm64=ubuntu-24.04-arm\n": "ubuntu-24.04 ubuntu-24.04-arm ubuntu-24.04-arm ubuntu-24.04-arm",
		"linux/arm=a\r\n\n  default = b  \nLINUX/ARM/v6 = c":                               "b b a c",
		"default=a\nlinux=b\nlinux=c":                                                      "c c c c",
		"default=a\nlinux/ar=b":                                                            "a a a a",
		"default=a\ndefault=b":                                                             "b b b b",
	} {
		cfg := config(t, map[string]string{"platforms": platforms, "runners": runners})
		r, err := plan.Run(cfg, plan.Deps{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, job := range r.Matrix {
			got = append(got, strings.Join(job.Runner, "+"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", runners, got, want)
		}
	}
}

func TestMatrixIsWhatAWorkflowTakes(t *testing.T) {
	t.Parallel()
	cfg := config(t, map[string]string{"platforms": "linux/amd64,linux/arm/v7", "runners": "default=ubuntu-24.04\nlinux/arm=self-hosted, arm"})
	r, err := plan.Run(cfg, plan.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"include":[{"index":0,"name":"linux-amd64","platform":"linux/amd64","runner":"ubuntu-24.04"},` +
		`{"index":1,"name":"linux-arm-v7","platform":"linux/arm/v7","runner":["self-hosted","arm"]}]}`
	if text, err := r.Matrix.MarshalText(); err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}

func TestBadRunners(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"default=a\nubuntu":         `"ubuntu" has no "="`,
		"linux/arm64=a":             "no line says",
		"default=":                  `"default=" names no runner`,
		"default=a,,b":              "names no runner",
		`default=["self-hosted"]`:   "names no runner",
		"default=a\n=b":             `"" is not the start of a platform`,
		"default=a\nlinux//v7=b":    `"linux//v7" is not the start of a platform`,
		"default=a\nlinux/a,b/v7=b": "is not the start of a platform",
	} {
		var r plan.Runners
		err := r.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) != 1 {
			t.Errorf("%q: error %v with %q, want %q", text, err, hint.Of(err), want)
		}
	}
}

// FuzzRunners holds that what is taken gives every platform a runner.
func FuzzRunners(f *testing.F) {
	for _, text := range []string{"", "a", "default=a", "default=a\nlinux/arm=b,c", "x=y", "=\n=", "default=a\n/=b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var cfg plan.Config
		if cfg.Runners.UnmarshalText([]byte(text)) != nil || strings.TrimSpace(text) == "" {
			return
		}
		cfg.Platforms = config(t, map[string]string{"platforms": "linux/arm/v7,linux/s390x"}).Platforms
		r, err := plan.Run(cfg, plan.Deps{Log: slog.New(slog.DiscardHandler)})
		if err != nil || len(r.Matrix) != 2 || len(r.Matrix[0].Runner) == 0 || len(r.Matrix[1].Runner) == 0 {
			t.Errorf("%q: %+v, %v", text, r.Matrix, err)
		}
	})
}
