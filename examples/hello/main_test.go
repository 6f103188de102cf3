package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGreeting(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	routes().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/world", nil))
	if answer.Code != 200 || !strings.HasPrefix(answer.Body.String(), "hello world, from dev on ") {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
}
