package sigstore_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

// witnessed is what a bundle says of logs and clocks.
type witnessed struct {
	VerificationMaterial struct {
		Certificate, PublicKey json.RawMessage
		TlogEntries            []struct {
			KindVersion      struct{ Kind, Version string }
			InclusionPromise json.RawMessage
		}
		TimestampVerificationData struct{ Rfc3161Timestamps []json.RawMessage }
	}
}

func (w witnessed) String() string {
	var seen []string
	for _, e := range w.VerificationMaterial.TlogEntries {
		seen = append(seen, e.KindVersion.Kind+" "+e.KindVersion.Version)
	}
	for range w.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps {
		seen = append(seen, "timestamp")
	}
	return strings.Join(seen, ", ")
}

func witnesses(t *testing.T, text []byte) string {
	t.Helper()
	var w witnessed
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w.String()
}

func TestLogsAndClocksAreAsAsked(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	v := newVerifier(t, i.TrustedRoot)
	both := func(selector prototrustroot.ServiceSelector, count uint32) func(*prototrustroot.SigningConfig) {
		return func(c *prototrustroot.SigningConfig) {
			c.TsaUrls = i.Authorities()
			c.TsaConfig = &prototrustroot.ServiceConfiguration{Selector: selector, Count: count}
		}
	}
	anyOne := both(prototrustroot.ServiceSelector_ANY, 0)
	for name, test := range map[string]struct {
		versions string
		change   func(*prototrustroot.SigningConfig)
		want     string
	}{
		"default":               {"", anyOne, "dsse 0.0.1, timestamp"},
		"version 1":             {"1", anyOne, "dsse 0.0.1, timestamp"},
		"version 2":             {"2", anyOne, "hashedrekord 0.0.2, timestamp"},
		"both":                  {"2, 1", anyOne, "dsse 0.0.1, hashedrekord 0.0.2, timestamp"},
		"all authorities":       {"", both(prototrustroot.ServiceSelector_ALL, 0), "dsse 0.0.1, timestamp, timestamp"},
		"two authorities":       {"2", both(prototrustroot.ServiceSelector_EXACT, 2), "hashedrekord 0.0.2, timestamp, timestamp"},
		"one authority of two":  {"1", both(prototrustroot.ServiceSelector_EXACT, 1), "dsse 0.0.1, timestamp"},
		"no authority":          {"1", func(c *prototrustroot.SigningConfig) { c.TsaUrls = nil }, "dsse 0.0.1"},
		"no authority's config": {"1", func(c *prototrustroot.SigningConfig) { c.TsaUrls, c.TsaConfig = nil, nil }, "dsse 0.0.1"},
		"an authority that ends": {"1", func(c *prototrustroot.SigningConfig) {
			c.TsaUrls[0].ValidFor.End = c.GetTsaUrls()[0].GetValidFor().GetStart()
		}, "dsse 0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instance := sigstore.Instance{SigningConfig: i.ChangeSigningConfig(t, test.change, 1, 2)}
			if err := instance.RekorVersions.UnmarshalText([]byte(test.versions)); err != nil {
				t.Fatal(err)
			}
			s := newSignerOf(t, instance, time.Second, place{})
			text, err := s.Sign(t.Context(), statement(digest))
			if err != nil {
				t.Fatal(err)
			}
			if got := witnesses(t, text); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			got, err := v.Verify(text, digest, identity)
			if err != nil || got.LogIndex < 0 || time.Since(got.Time) > time.Minute {
				t.Errorf("verified as %+v, %v", got, err)
			}
			// Whatever the versions, the layouts before bundles know the first one.
			text, err = s.SignMessage(t.Context(), []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			if got := witnesses(t, text); !strings.HasPrefix(got, "hashedrekord 0.0.1") {
				t.Errorf("a message has %s", got)
			}
			if _, err := v.VerifyMessage(text, []byte("x"), identity); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatASigningConfigLacksIsSaid(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	none := func(*prototrustroot.SigningConfig) {}
	for name, test := range map[string]struct {
		want     sigstore.RekorVersions
		has      []uint32
		change   func(*prototrustroot.SigningConfig)
		err, fix string
	}{
		"no log":               {nil, nil, none, "no Rekor log of version 1", "majorApiVersion 1"},
		"no log of version 1":  {nil, []uint32{2}, none, "only Rekor logs of version 2", "rekor-version: 2"},
		"no log of version 2":  {sigstore.RekorVersions{2}, []uint32{1}, none, "only Rekor logs of version 1", "rekor-version: 1"},
		"not both logs":        {sigstore.RekorVersions{1, 2}, []uint32{1}, none, "only Rekor logs of version 1", "majorApiVersion 2"},
		"no clock":             {sigstore.RekorVersions{2}, []uint32{2}, func(c *prototrustroot.SigningConfig) { c.TsaUrls = nil }, "no timestamp authority", "tsaUrls"},
		"no clock beside both": {sigstore.RekorVersions{1, 2}, []uint32{1, 2}, func(c *prototrustroot.SigningConfig) { c.TsaUrls = nil }, "no timestamp authority", "rekor-version: 1"},
		"no selector":          {nil, []uint32{1}, func(c *prototrustroot.SigningConfig) { c.RekorTlogConfig = nil }, "rekorTlogConfig", "ANY"},
		"too few authorities": {nil, []uint32{1}, func(c *prototrustroot.SigningConfig) {
			c.TsaConfig = &prototrustroot.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_EXACT, Count: 2}
		}, "tsaConfig", "tsaUrls"},
		"no authority for certificates": {nil, []uint32{1}, func(c *prototrustroot.SigningConfig) { c.CaUrls = nil }, "no Fulcio", "caUrls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instance := sigstore.Instance{SigningConfig: i.ChangeSigningConfig(t, test.change, test.has...), RekorVersions: test.want}
			_, err := sigstore.NewSigner(t.Context(), instance, nil, 0, sigstore.Options{})
			if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(strings.Join(hint.Of(err), ""), test.fix) {
				t.Errorf("got %v, mends %q", err, hint.Of(err))
			}
		})
	}
}

func TestAMessageNeedsALogOfVersion1(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	s := newSignerOf(t, sigstore.Instance{SigningConfig: i.WriteSigningConfig(t, 2), RekorVersions: sigstore.RekorVersions{2}}, time.Second, place{})
	_, err := s.SignMessage(t.Context(), []byte("x"))
	if err == nil || !strings.Contains(err.Error(), "version 1") || len(hint.Of(err)) == 0 {
		t.Errorf("got %v", err)
	}
}

func TestRekorVersionsParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]sigstore.RekorVersions{"1": {1}, "2": {2}, "1,2": {1, 2}, "2, 1": {1, 2}, "1\n2": {1, 2}, "2,2": {2}, "": nil} {
		var got sigstore.RekorVersions
		if err := got.UnmarshalText([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"3", "v1", "1;2", "-1", "1.0"} {
		var got sigstore.RekorVersions
		if err := got.UnmarshalText([]byte(text)); err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// The answer of a log of version 2 is lost. It gives no entry twice, so that
// another signature is entered.
func TestALostAnswerOfVersion2MakesAnotherSignature(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Tiles.SetFault(func(n int, w http.ResponseWriter, r *http.Request, real http.Handler) bool {
		if n > 1 {
			return false
		}
		real.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	s := newSignerOf(t, sigstore.Instance{SigningConfig: i.SigningConfig, RekorVersions: sigstore.RekorVersions{2}}, 10*time.Second, place{})
	text, err := s.Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newVerifier(t, i.TrustedRoot).Verify(text, digest, identity); err != nil {
		t.Error(err)
	}
}

// One of two logs is down: the error names that one, and nothing more is asked
// of any once it was given up.
func TestALogOfVersion2ThatIsDownEndsAll(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Tiles.SetFault(sigstoretest.Answer(http.StatusInternalServerError))
	s := newSignerOf(t, sigstore.Instance{SigningConfig: i.SigningConfig, RekorVersions: sigstore.RekorVersions{1, 2}}, 1500*time.Millisecond, place{})
	_, err := s.Sign(t.Context(), statement(digest))
	var failed *sigstore.ServiceError
	if !errors.As(err, &failed) || failed.Service != "rekor" || !strings.HasPrefix(failed.URL, i.Tiles.URL) || len(hint.Of(err)) != 1 {
		t.Fatalf("got %v, mends %q", err, hint.Of(err))
	}
	if n := i.Tiles.Requests(); n < 2 {
		t.Errorf("it was asked %d times", n)
	}
	i.Tiles.SetFault(nil)
	i.Fulcio.SetFault(nil)
	if _, again := s.Sign(t.Context(), statement(other)); again == nil || again.Error() != err.Error() {
		t.Errorf("and then %v", again)
	}
	if n := i.Tiles.Requests() + i.Fulcio.Requests(); n > 0 {
		t.Errorf("%d more requests", n)
	}
}

func TestAnUnusableAnswerOfVersion2IsAnError(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{``, `{}`, `[]`, `null`, `{"logIndex":"1"}`, `{"inclusionProof":{"checkpoint":{"envelope":"x"}}}`, strings.Repeat("[", 1<<20)} {
		i := sigstoretest.New(t)
		i.Tiles.SetFault(func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(answer))
			return true
		})
		s := newSignerOf(t, sigstore.Instance{SigningConfig: i.SigningConfig, RekorVersions: sigstore.RekorVersions{2}}, time.Second, place{})
		if text, err := s.Sign(t.Context(), statement(digest)); err == nil {
			t.Errorf("%.40s: signed as %s", answer, text)
		}
	}
}

// Each answers only when all have been asked.
func TestLogsAndClocksAreAskedAtOnce(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	services := []*sigstoretest.Service{i.Rekor, i.Tiles, i.Timestamp, i.SecondTimestamp}
	var asked sync.WaitGroup
	asked.Add(len(services))
	for _, s := range services {
		s.SetFault(func(n int, _ http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			if n == 1 {
				asked.Done()
				asked.Wait()
			}
			return false
		})
	}
	config := i.ChangeSigningConfig(t, func(c *prototrustroot.SigningConfig) {
		c.TsaUrls, c.TsaConfig = i.Authorities(), &prototrustroot.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ALL}
	}, 1, 2)
	s := newSignerOf(t, sigstore.Instance{SigningConfig: config, RekorVersions: sigstore.RekorVersions{1, 2}}, time.Second, place{})
	text, err := s.Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	if got := witnesses(t, text); got != "dsse 0.0.1, hashedrekord 0.0.2, timestamp, timestamp" {
		t.Errorf("got %s", got)
	}
}
