package evidence_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

// claim signs the image of w as workflow.
func claim(t *testing.T, w *evidencetest.World, workflow string, statement intoto.Statement) {
	t.Helper()
	claims := []evidence.Claim{{Digest: w.Digests[0], Statement: statement}}
	if _, err := w.Publisher(t, workflow).Publish(t.Context(), image.Repositories(w.Images), claims); err != nil {
		t.Fatal(err)
	}
}

func earlier(w *evidencetest.World, log *strings.Builder) evidence.Earlier {
	e := evidence.Earlier{
		Registry: w.Client, Images: image.Repositories(w.Images), Platforms: evidencetest.Platforms, Revision: evidencetest.Revision,
		Token: sigstoretest.Token(evidencetest.Workflow), Trust: w.Trust(),
		Sigstore: sigstore.Options{Transport: http.DefaultTransport}, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, repo := range e.Images {
		e.Tags = append(e.Tags, repo.Tag("1.2"), repo.Tag("1.2.3"), repo.Tag("latest"))
	}
	return e
}

func TestReleasedImageIsFound(t *testing.T) {
	t.Parallel()
	sign, tag := intoto.Signature, "1.2.3"
	for _, test := range []struct {
		name      string
		workflow  string
		statement func(image.Digest) intoto.Statement // none where nil
		tag       string
		change    func(*evidence.Earlier)
		found     bool
	}{
		{"released from this commit by this workflow", evidencetest.Workflow, sign, tag, nil, true},
		{"whatever the platforms", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Platforms = nil }, true},
		{"no tag but a moving one", evidencetest.Workflow, sign, "1.2", nil, false},
		{"another commit", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Revision = strings.Repeat("f", 40) }, false},
		{"no commit known", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Revision = "" }, false},
		{"other platforms", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Platforms = e.Platforms[:2] }, false},
		{"no tags given", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Tags = nil }, false},
		{"unsigned", "", nil, tag, nil, false},
		{"signed by another workflow", strings.Replace(evidencetest.Workflow, "release.yml", "test.yml", 1), sign, tag, nil, false},
		{"signed at another ref", strings.Replace(evidencetest.Workflow, "v1.2.3", "v1.2.4", 1), sign, tag, nil, false},
		{"attested, not signed", evidencetest.Workflow, func(d image.Digest) intoto.Statement { return intoto.New(d, intoto.SPDX, []byte(`{}`)) }, tag, nil, false},
		{"signed in another Sigstore", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Trust.TrustedRoot = sigstoretest.New(t).TrustedRoot }, false},
		{"no permission for a token", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) {
			e.Token = func(context.Context, string) (secret.String, error) {
				return secret.String{}, errors.New("the job has no permission")
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := evidencetest.New(t)
			w.Registries[0].Tag(t, w.Digests[0], test.tag)
			if test.statement != nil {
				claim(t, w, test.workflow, test.statement(w.Digests[0]))
			}
			var log strings.Builder
			e := earlier(w, &log)
			if test.change != nil {
				test.change(&e)
			}
			manifest, err := e.Find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if found := manifest.Digest == w.Digests[0]; found != test.found || !found && manifest.Digest != "" {
				t.Errorf("found %q of %q, want found: %v\n%s", manifest.Digest, w.Digests[0], test.found, log.String())
			}
		})
	}
}

func TestReleasedImageThatARegistryLacks(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Registries[0].Tag(t, w.Digests[0], "1.2.3")
	claim(t, w, evidencetest.Workflow, intoto.Signature(w.Digests[0]))
	w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/manifests/") {
			rw.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	_, err := earlier(w, new(strings.Builder)).Find(t.Context())
	if want := "crane copy " + w.Images[0].String() + " " + w.Images[1].String(); err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), want) {
		t.Errorf("error %v, hints %q, want %q", err, hint.Of(err), want)
	}
}
