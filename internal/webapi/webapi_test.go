package webapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/webapi"
)

func open(t *testing.T, handler http.HandlerFunc) *webapi.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := webapi.New("Test", server.URL+"/base/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAnswerThatBreaksOffIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	broken := int32(2)
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "PUT" || r.URL.RequestURI() != "/base/x/a%252Fb?q=1" || r.Header.Get("Authorization") != "Bearer t" || string(body) != "\"<&>\"\n" {
			t.Errorf("request %s %s %q", r.Method, r.URL.RequestURI(), body)
		}
		if calls.Add(1) <= broken {
			w.Header().Set("Content-Length", "99")
		}
		_, _ = io.WriteString(w, `{"a":1}`)
	})
	request := webapi.Request{
		Method: "PUT", Path: "/x/a%252Fb", Query: map[string][]string{"q": {"1"}}, Authorization: webapi.Bearer(secret.New("t")), Body: "<&>",
	}
	var out struct{ A int }
	if err := c.Call(t.Context(), request, &out); err != nil || out.A != 1 || calls.Load() != 3 {
		t.Errorf("%+v, %d calls, %v", out, calls.Load(), err)
	}
	calls.Store(0)
	if err := c.Call(t.Context(), request, nil); err != nil || calls.Load() != 1 {
		t.Errorf("where the status is all: %d calls, %v", calls.Load(), err)
	}
	calls.Store(-9)
	if err := c.Call(t.Context(), request, &out); !errors.Is(err, io.ErrUnexpectedEOF) || calls.Load() != -6 || len(hint.Of(err)) == 0 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}

func TestErrorsQuoteOneLine(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"message":"a\r\n::set-output b"}`:                      "418 I'm a teapot: a ::set-output b",
		`{"detail":"` + strings.Repeat("ü", 200) + `"}`:          "418 I'm a teapot: " + strings.Repeat("ü", 150) + "…",
		`{"errors":[{"code":"X","message":"why"}]}`:              "418 I'm a teapot: why",
		`{"description":["too long"],"b":["c"],"d":[],"e":null}`: "418 I'm a teapot: b: c; description: too long",
		`<html>`: "418 I'm a teapot",
		`[]`:     "418 I'm a teapot",
	} {
		c := open(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, answer)
		})
		if err := c.Call(t.Context(), webapi.Request{Method: "GET"}, nil); !errors.Is(err, webapi.ErrRefused) || err.Error() != want {
			t.Errorf("%s: %v, want %s", answer, err, want)
		}
	}
}

func TestAWebPageIsAFirewalls(t *testing.T) {
	t.Parallel()
	c := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "\n<!DOCTYPE html>")
	})
	if err := c.Call(t.Context(), webapi.Request{Method: "GET"}, nil); !errors.Is(err, webapi.ErrFirewall) || !errors.Is(err, webapi.ErrForbidden) {
		t.Errorf("error %v", err)
	}
}

func TestAddressShowsNoPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://u:planted@h", "http://u:planted@h:x", "//u:planted@h"} {
		if _, err := webapi.New("Test", address, nil); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
