package hint_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestOfFindsEveryHintOnce(t *testing.T) {
	t.Parallel()
	inner := hint.Wrap(io.ErrUnexpectedEOF, "run it again")
	tests := map[string]struct {
		err  error
		want []string
	}{
		"nil":     {nil, nil},
		"none":    {io.EOF, nil},
		"wrapped": {fmt.Errorf("read: %w", inner), []string{"run it again"}},
		"joined":  {errors.Join(io.EOF, inner, hint.New("x", "add %q", "y"), inner), []string{"run it again", `add "y"`}},
		"nested":  {hint.Wrap(fmt.Errorf("read: %w", inner), "outer"), []string{"outer", "run it again"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := hint.Of(test.err); !slices.Equal(got, test.want) {
				t.Errorf("Of = %q, want %q", got, test.want)
			}
		})
	}
}

func TestWrapKeepsTheError(t *testing.T) {
	t.Parallel()
	if hint.Wrap(nil, "x") != nil {
		t.Error("Wrap(nil) is not nil")
	}
	err := hint.Wrap(io.EOF, "x")
	if !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("Wrap changed the error: %v", err)
	}
}
