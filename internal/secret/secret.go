// Package secret holds values that must never be shown: tokens and passwords.
//
// A [String] prints as three asterisks however it is formatted, marshalled or
// logged, so that a debug dump of a configuration is safe. The value leaves
// only through Reveal, which makes every place that uses it easy to find.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "***"

// String is a value that prints as "***". Its zero value is the empty secret.
type String struct{ value string }

// New makes a secret of value.
func New(value string) String { return String{value} }

// Reveal returns the value itself. Call it where the value is used, and
// nowhere earlier.
func (s String) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.value == "" }

// Secrets returns the values to mask in a log: the secret, unless empty.
func (s String) Secrets() []string {
	if s.value == "" {
		return nil
	}
	return []string{s.value}
}

// String returns "***", or the empty string for the empty secret.
func (s String) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// Format prints the redacted form for every verb, %#v and %x included.
func (s String) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String())
}

// MarshalText returns the redacted form.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns the redacted form.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// UnmarshalText takes text as the value.
func (s *String) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
