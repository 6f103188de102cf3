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
	const (
		found     = "found"
		none      = "none"
		undecided = "undecided"
	)
	for _, test := range []struct {
		name      string
		workflow  string
		statement func(image.Digest) intoto.Statement // none where nil
		tag       string
		change    func(*evidence.Earlier)
		want      string // or why it is refused
	}{
		{"released from this commit by this workflow", evidencetest.Workflow, sign, tag, nil, found},
		{"whatever the platforms", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Platforms = nil }, found},
		{"a version of two numbers", evidencetest.Workflow, sign, "2026.11", func(e *evidence.Earlier) {
			e.Tags, e.Version = []image.Ref{e.Images[0].Tag("2026.11"), e.Images[0].Tag("latest")}, "2026.11"
		}, found},
		{"no tag but a moving one", evidencetest.Workflow, sign, "1.2", nil, none},
		{"no commit known", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Revision = "" }, none},
		{"no tags given", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Tags = nil }, none},
		{"another commit", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Revision = strings.Repeat("f", 40) }, "its label org.opencontainers.image.revision is"},
		{"other platforms", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Platforms = e.Platforms[:2] }, "it has the platforms"},
		{"unsigned", "", nil, tag, nil, "it has no signature by"},
		{"signed by another workflow", strings.Replace(evidencetest.Workflow, "release.yml", "test.yml", 1), sign, tag, nil, "it has no signature by"},
		{"signed at another ref", strings.Replace(evidencetest.Workflow, "v1.2.3", "v1.2.4", 1), sign, tag, nil, "it has no signature by"},
		{"attested, not signed", evidencetest.Workflow, func(d image.Digest) intoto.Statement { return intoto.New(d, intoto.SPDX, []byte(`{}`)) }, tag, nil, "it has no signature by"},
		{"signed in another Sigstore", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Trust.TrustedRoot = sigstoretest.New(t).TrustedRoot }, "it has no signature by"},
		{"no permission for a token", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) {
			e.Token = func(context.Context, string) (secret.String, error) {
				return secret.String{}, errors.New("the job has no permission")
			}
		}, undecided},
		{"no trusted root", evidencetest.Workflow, sign, tag, func(e *evidence.Earlier) { e.Trust.TrustedRoot = "nowhere" }, undecided},
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
			pinned, err := e.Find(t.Context())
			got := found
			switch {
			case errors.Is(err, evidence.ErrReleased):
				got = err.Error()
				if !strings.Contains(strings.Join(hint.Of(err), ""), "overwrite: true") {
					t.Errorf("hints %q", hint.Of(err))
				}
			case err != nil:
				got = undecided
			case pinned.Digest == "":
				got = none
			case pinned != w.Images[0]:
				t.Errorf("found %q, want %q", pinned, w.Images[0])
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("%s, want %s\n%s", got, test.want, log.String())
			}
		})
	}
}

// TestSignatureOfAnotherCommitDoesNotCount has a workflow_dispatch release a
// version twice from one branch: the identity is the same, and the commit, which
// the certificate names, is not. Labels can lie.
func TestSignatureOfAnotherCommitDoesNotCount(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Registries[0].Tag(t, w.Digests[0], "1.2.3")
	other, err := evidence.NewPublisher(t.Context(), w.Client, sigstore.Instance{Trust: w.Trust(), SigningConfig: w.Sigstore.SigningConfig},
		sigstoretest.Token(evidencetest.Workflow, map[string]string{"sha": strings.Repeat("f", 40)}), 0, sigstore.Options{Transport: http.DefaultTransport, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	claims := []evidence.Claim{{Digest: w.Digests[0], Statement: intoto.Signature(w.Digests[0])}}
	if _, err := other.Publish(t.Context(), image.Repositories(w.Images), claims); err != nil {
		t.Fatal(err)
	}
	_, err = earlier(w, new(strings.Builder)).Find(t.Context())
	if !errors.Is(err, evidence.ErrReleased) || !strings.Contains(err.Error(), "that is of commit ffff") {
		t.Errorf("error %v", err)
	}
}

// TestTagsOfTwoRegistriesMustLeadToOneImage is a tag that somebody has put on
// another image in one of the registries.
func TestTagsOfTwoRegistriesMustLeadToOneImage(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Registries[0].Tag(t, w.Digests[0], "1.2.3")
	w.Registries[1].Tag(t, w.Digests[1], "1.2.3")
	claim(t, w, evidencetest.Workflow, intoto.Signature(w.Digests[0]))
	_, err := earlier(w, new(strings.Builder)).Find(t.Context())
	if want := w.Images[1].Repository.Tag("1.2.3").String(); !errors.Is(err, evidence.ErrReleased) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one of %q", err, want)
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
	if want := "crane copy " + w.Images[0].String() + " " + w.Images[1].String(); !errors.Is(err, evidence.ErrReleased) || !strings.Contains(strings.Join(hint.Of(err), ""), want) {
		t.Errorf("error %v, hints %q, want %q", err, hint.Of(err), want)
	}
}
