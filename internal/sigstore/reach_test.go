package sigstore_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/transport"
)

func TestReachAsksEveryServiceThatSigns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		versions sigstore.RekorVersions
		status   int                                                // of the fault; 503 where 0
		fault    func(*sigstoretest.Instance) *sigstoretest.Service // none where nil
		want     string                                             // "" where all is well
	}{
		{"all serve", nil, 0, nil, ""},
		{"Fulcio is down", nil, 0, func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Fulcio }, "fulcio at "},
		{"Rekor is down", nil, 0, func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Rekor }, "rekor at "},
		{"Rekor's version 2 is down, and not used", nil, 0, func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Tiles }, ""},
		{"Rekor's version 2 is down, and used", sigstore.RekorVersions{2}, 0, func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Tiles }, "rekor at "},
		{"Rekor's version 2 doesn't know the question", sigstore.RekorVersions{2}, http.StatusNotImplemented, func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Tiles }, ""},
		{"the timestamp authority is down", nil, 0, func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Timestamp }, "timestamp authority at "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			instance := sigstoretest.New(t)
			if test.fault != nil {
				test.fault(instance).SetFault(sigstoretest.Answer(cmp.Or(test.status, http.StatusServiceUnavailable)))
			}
			i := sigstore.Instance{Trust: sigstore.Trust{TrustedRoot: instance.TrustedRoot}, SigningConfig: instance.SigningConfig, RekorVersions: test.versions}
			err := sigstore.Reach(t.Context(), i, sigstoretest.Token("acme/app/.github/workflows/release.yml@refs/tags/v1"),
				sigstore.Options{Transport: transport.New(transport.Options{RetryFor: -1})})
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want) || len(hint.Of(err)) != 1) {
				t.Errorf("error %v, hints %q, want %q", err, hint.Of(err), test.want)
			}
		})
	}
}

func TestReachReadsWhatDescribesTheInstance(t *testing.T) {
	t.Parallel()
	instance := sigstoretest.New(t)
	trusted := sigstore.Trust{TrustedRoot: instance.TrustedRoot}
	none := func(context.Context, string) (secret.String, error) {
		return secret.String{}, errors.New("no permission")
	}
	for _, test := range []struct {
		instance sigstore.Instance
		want     string
	}{
		{sigstore.Instance{Trust: trusted, SigningConfig: "nowhere.json"}, `signing config "nowhere.json"`},
		{sigstore.Instance{Trust: sigstore.Trust{TrustedRoot: "nowhere.json"}, SigningConfig: instance.SigningConfig}, `trusted root "nowhere.json"`},
		{sigstore.Instance{Trust: sigstore.Trust{TrustedRoot: instance.TrustedRoot, Key: "nowhere.key"}, SigningConfig: instance.SigningConfig}, `nowhere.key`},
		{sigstore.Instance{Trust: trusted, SigningConfig: instance.SigningConfig}, ""},
	} {
		err := sigstore.Reach(t.Context(), test.instance, none, sigstore.Options{})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}
