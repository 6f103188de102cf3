package sigstore_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

func TestAServiceThatIsDownEndsTheRetriesAndIsNamed(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]func(*sigstoretest.Instance) *sigstoretest.Service{
		"fulcio":              func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Fulcio },
		"rekor":               func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Rekor },
		"timestamp authority": func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Timestamp },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := sigstoretest.New(t)
			down := service(i)
			down.SetFault(sigstoretest.Answer(http.StatusInternalServerError))
			_, err := newSigner(t, i, 1500*time.Millisecond).Sign(t.Context(), statement(digest))
			var failed *sigstore.ServiceError
			if !errors.As(err, &failed) || failed.Service != name || failed.Status != http.StatusInternalServerError {
				t.Fatalf("got %v", err)
			}
			if want := name + " at " + down.URL; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "made to fail") {
				t.Errorf("%q doesn't begin with %q or doesn't say what was answered", err, want)
			}
			if len(hint.Of(err)) != 1 {
				t.Errorf("mends: %q", hint.Of(err))
			}
			if n := down.Requests(); n < 2 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}

func TestAServiceThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	i.Rekor.URL = server.URL
	i.SigningConfig = i.WriteSigningConfig(t, 1)
	_, err := newSigner(t, i, 10*time.Millisecond).Sign(t.Context(), statement(digest))
	if err == nil || !strings.HasPrefix(err.Error(), "rekor at "+server.URL+"/api/v1/log/entries did not answer: ") {
		t.Errorf("got %v", err)
	}
}

func TestARefusalIsNotRetried(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Fulcio.SetFault(sigstoretest.Answer(http.StatusUnauthorized))
	_, err := newSigner(t, i, time.Minute).Sign(t.Context(), statement(digest))
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "issuer") {
		t.Errorf("got %v, mends %q", err, hint.Of(err))
	}
	if n := i.Fulcio.Requests(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

// The entry arrives and its answer is lost: the second try finds it.
func TestALostAnswerMakesNoSecondEntry(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Rekor.SetFault(func(n int, w http.ResponseWriter, r *http.Request, real http.Handler) bool {
		if n > 1 {
			return false
		}
		real.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	text, err := newSigner(t, i, 10*time.Second).Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	if n := i.Entries(); n != 1 {
		t.Errorf("the log has %d entries", n)
	}
	if _, err := newVerifier(t, i.TrustedRoot).Verify(text, digest, identity); err != nil {
		t.Error(err)
	}
}

func TestALogThatRecoversIsWaitedFor(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Rekor.SetFault(func(n int, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n < 3
	})
	if _, err := newSigner(t, i, 30*time.Second).Sign(t.Context(), statement(digest)); err != nil {
		t.Error(err)
	}
}

// While the log is down the certificate ends. An entry dated after that would
// never verify, so another certificate is asked for.
func TestACertificateThatEndsMeanwhileIsReplaced(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Lifetime = 3 * time.Second
	i.Rekor.SetFault(func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if i.Fulcio.Requests() < 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	text, err := newSigner(t, i, time.Minute).Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newVerifier(t, i.TrustedRoot).Verify(text, digest, identity); err != nil {
		t.Error(err)
	}
}

func TestAnUnusableAnswerIsAnError(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{``, `{}`, `[]`, `null`, `{"a":{}}`, `{"a":null}`, `{"a":{"body":"e30=","integratedTime":1,"logID":"00","logIndex":0}}`,
		`{"a":{"body":"e30=","integratedTime":1,"logIndex":0,"logID":"c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff","verification":{}}}`} {
		i := sigstoretest.New(t)
		i.Rekor.SetFault(func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(answer))
			return true
		})
		if text, err := newSigner(t, i, time.Second).Sign(t.Context(), statement(digest)); err == nil {
			t.Errorf("%s: signed as %s", answer, text)
		}
	}
}

func TestSigningEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, service := range []func(*sigstoretest.Instance) *sigstoretest.Service{
		func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Fulcio },
		func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Rekor },
		func(i *sigstoretest.Instance) *sigstoretest.Service { return i.Timestamp },
	} {
		i := sigstoretest.New(t)
		ctx, cancel := context.WithCancel(t.Context())
		service(i).SetFault(func(_ int, _ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			// The server notices that the client is gone once it has read the body.
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
			return true
		})
		if _, err := newSigner(t, i, time.Minute).Sign(ctx, statement(digest)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
