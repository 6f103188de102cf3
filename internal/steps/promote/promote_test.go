package promote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

func TestTagsMoveVersionFirstAndASecondRunDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.tag(t, "latest", w.old)
	cfg := w.config("latest", "1.2", "1.2.3")
	result, err := w.run(t.Context(), t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.check(t, map[string]image.Digest{
		"a 1.2.3": w.new, "a 1.2": w.new, "a latest": w.new, "b 1.2.3": w.new, "b 1.2": w.new, "b latest": w.new,
	})
	puts := slices.DeleteFunc(slices.Clone(w.writes), func(s string) bool { return !strings.Contains(s, "PUT") })
	for i := 0; i < len(puts); i += 2 { // the registries of one wave in any order
		slices.Sort(puts[i : i+2])
	}
	if want := "a PUT 1.2.3, b PUT 1.2.3, a PUT latest, b PUT latest, a PUT 1.2, b PUT 1.2"; strings.Join(puts, ", ") != want {
		t.Errorf("writes %v, want %s", puts, want)
	}
	if !slices.Equal(result.Tags, cfg.Tags) || result.Digest != w.new {
		t.Errorf("result %+v", result)
	}
	w.writes = nil
	result, err = w.run(t.Context(), t, cfg)
	if err != nil || !slices.Equal(result.Tags, cfg.Tags) {
		t.Errorf("second run: %+v, %v", result, err)
	}
	if len(w.writes) != 0 {
		t.Errorf("the second run wrote %v", w.writes)
	}
}

func TestAReleasedVersionIsNotMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.b.tag(t, "1.2.3", w.old)
	cfg := w.config("1.2.3", "latest")
	_, err := w.run(t.Context(), t, cfg)
	if err == nil {
		t.Fatal("a released version was moved")
	}
	for _, want := range []string{w.b.repo.Tag("1.2.3").String(), string(w.old), string(w.new)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q doesn't name %s", err, want)
		}
	}
	if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, "overwrite: true") {
		t.Errorf("hint %q", mend)
	}
	if len(w.writes) != 0 {
		t.Errorf("it wrote %v", w.writes)
	}
	cfg.Overwrite = true
	if _, err := w.run(t.Context(), t, cfg); err != nil {
		t.Fatal(err)
	}
	w.check(t, map[string]image.Digest{"a 1.2.3": w.new, "b 1.2.3": w.new, "b latest": w.new})
}

func TestNothingIsWrittenWhereOneRegistryWillNotTakeIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault func(w *world) func(http.ResponseWriter, *http.Request) bool
		want  string
	}{
		"no permission": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return on("POST", "/blobs/uploads/", status(http.StatusForbidden))
		}, "push to"},
		"image not there": {func(w *world) func(http.ResponseWriter, *http.Request) bool {
			return on("HEAD", string(w.new), status(http.StatusNotFound))
		}, "404 Not Found"},
		"tags unreadable": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return on("HEAD", "/latest", status(http.StatusServiceUnavailable))
		}, "503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.b.fault = test.fault(w)
			result, err := w.run(t.Context(), t, w.config("1.2.3", "latest"))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), w.b.repo.String()) {
				t.Errorf("error %v, want one with %q and the repository", err, test.want)
			}
			if len(hint.Of(err)) == 0 {
				t.Errorf("no hint for %v", err)
			}
			for _, write := range w.writes {
				if strings.Contains(write, "PUT") {
					t.Errorf("it wrote %s", write)
				}
			}
			if len(result.Tags)+len(result.Changes) != 0 {
				t.Errorf("result %+v after a failure", result)
			}
		})
	}
}

func TestTagsGoBackWhereALaterOneFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		moves, cancels bool
		status         int
	}{
		"refused":                          {false, false, http.StatusForbidden},
		"moved, but answered with a fault": {true, false, http.StatusBadGateway},
		"cancelled":                        {true, true, http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.a.tag(t, "latest", w.old)
			w.b.tag(t, "latest", w.old)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.b.fault = on("PUT", "/latest", func(rw http.ResponseWriter, _ *http.Request) {
				if test.cancels {
					cancel()
				}
				if test.moves {
					w.b.tag(t, "latest", w.new)
					w.b.fault = nil // or it could not be put back either
				}
				rw.WriteHeader(test.status)
			})
			result, err := w.run(ctx, t, w.config("1.2.3", "latest", "1"))
			if err == nil {
				t.Fatal("no error")
			}
			if test.cancels != errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			w.check(t, map[string]image.Digest{
				"a 1.2.3": "", "a latest": w.old, "a 1": "", "b 1.2.3": "", "b latest": w.old, "b 1": "",
			})
			if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, "where it did before") {
				t.Errorf("hint %q", mend)
			}
			if len(result.Tags) != 0 || result.Changes[0].Outcome != PutBack || result.Changes[2].Outcome != "" {
				t.Errorf("result %+v", result)
			}
			if text := w.writes; slices.Contains(text, "a PUT 1") || slices.Contains(text, "b PUT 1") {
				t.Errorf("it went on after the failure: %v", text)
			}
		})
	}
}

func TestWhatCanNotBePutBackIsNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault func(w *world) func(http.ResponseWriter, *http.Request) bool
		tag   string
		want  string
		mend  string
	}{
		"no way to delete": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return on("DELETE", "/1.2.3", status(http.StatusMethodNotAllowed))
		}, "1.2.3", "could not be removed from", "run again"},
		"somebody else was there": {func(w *world) func(http.ResponseWriter, *http.Request) bool {
			seen := 0
			return func(rw http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/1.2") {
					// The first looks are the check and the read-back.
					if seen++; seen == 3 {
						rw.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("e", 64))
						rw.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
						rw.Header().Set("Content-Length", "2")
						return true
					}
				}
				return false
			}
		}, "1.2", "could not be put back to", "crane tag"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.a.tag(t, "1.2", w.old)
			w.a.fault = test.fault(w)
			w.b.fault = on("PUT", "/latest", status(http.StatusForbidden))
			result, err := w.run(t.Context(), t, w.config("1.2.3", "1.2", "latest"))
			if err == nil {
				t.Fatal("no error")
			}
			ref := w.a.repo.Tag(test.tag)
			for _, want := range []string{"403", ref.String(), test.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want it to hold %q", err, want)
				}
			}
			if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, test.mend) || strings.Contains(mend, "every tag points") {
				t.Errorf("hint %q, want one with %q", mend, test.mend)
			}
			w.check(t, map[string]image.Digest{"b 1.2.3": "", "b 1.2": "", "b latest": "", "a latest": ""})
			for _, c := range result.Changes {
				want := PutBack
				if c.Ref == ref {
					want = Stuck
				}
				if c.Outcome != want {
					t.Errorf("%s: %q, want %q", c.Ref, c.Outcome, want)
				}
			}
		})
	}
}

func TestARunThatFailedGoesOnTheNextTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.fault = on("DELETE", "", status(http.StatusMethodNotAllowed))
	w.b.fault = on("PUT", "/latest", status(http.StatusForbidden))
	if _, err := w.run(t.Context(), t, w.config("1.2.3", "latest")); err == nil {
		t.Fatal("no error")
	}
	w.b.fault = nil
	if _, err := w.run(t.Context(), t, w.config("1.2.3", "latest")); err != nil {
		t.Fatal(err)
	}
	w.check(t, map[string]image.Digest{"a 1.2.3": w.new, "a latest": w.new, "b 1.2.3": w.new, "b latest": w.new})
}

func TestACancelledRunEndsWhereARegistryHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server doesn't see that the client is gone
		cancel()
		<-r.Context().Done()
	}
	w.b.fault = func(rw http.ResponseWriter, r *http.Request) bool {
		if ctx.Err() != nil || r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/latest") {
			hang(rw, r)
			return true
		}
		return false
	}
	_, err := w.run(ctx, t, w.config("1.2.3", "latest"))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	w.check(t, map[string]image.Digest{"a 1.2.3": "", "a latest": ""})
	for _, tag := range []string{"1.2.3", "latest"} {
		if !strings.Contains(err.Error(), w.b.repo.Tag(tag).String()) {
			t.Errorf("error %q doesn't name %s", err, w.b.repo.Tag(tag))
		}
	}
}

func TestNoTagsIsNoError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	result, err := w.run(t.Context(), t, w.config())
	if err != nil || len(result.Tags) != 0 || result.Digest != w.new || !strings.Contains(result.Summary(), "No tag was put on") {
		t.Errorf("%+v, %v", result, err)
	}
	if len(w.writes) != 0 {
		t.Errorf("it wrote %v", w.writes)
	}
}
