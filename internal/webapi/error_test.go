package webapi

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzMessage(f *testing.F) {
	for _, s := range []string{`{"message":"a"}`, `{"errors":[{"message":"a"}]}`, `{"a":["b"]}`, `{"a":[null]}`, `<html>`, `{"detail":"\u0000"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if text := message(answer); strings.ContainsAny(text, "\r\n") || len(text) > maxMessage+len("…") || !utf8.ValidString(text) {
			t.Errorf("message(%q) = %q", answer, text)
		}
	})
}
