package lines_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/lines"
)

func TestListKeepsCommasAndQuotedLineBreaks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"\n  \n", nil},
		{"A=1\r\nB=2\r\n", []string{"A=1", "B=2"}},
		{"  type=registry,ref=a,mode=max  ", []string{"type=registry,ref=a,mode=max"}},
		{"A=say \"hi\"\nB=2", []string{`A=say "hi"`, "B=2"}},
		{"\"KEY=-----BEGIN-----\nabc,def\n-----END-----\n\"\nB=2", []string{"KEY=-----BEGIN-----\nabc,def\n-----END-----\n", "B=2"}},
		{`  "A=a ""b"" c"  `, []string{`A=a "b" c`}},
		{`""`, nil},
	} {
		var got lines.List
		if err := got.UnmarshalText([]byte(test.in)); err != nil {
			t.Errorf("%q: %v", test.in, err)
		} else if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestListRefusesWithoutShowing(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"A=1\n\"hunter2", `"hunter2" x`, `"hunter2""`} {
		var l lines.List
		err := l.UnmarshalText([]byte(in))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v", in, err)
		}
	}
}

func FuzzList(f *testing.F) {
	for _, s := range []string{"a\nb", "\"a\nb\"", `"a""b"`, `"`, "\"\" \n\"a\"", "a \"b\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var l lines.List
		if l.UnmarshalText([]byte(s)) != nil {
			return
		}
		// Written with quotes, the items read back as they are.
		var b strings.Builder
		for _, item := range l {
			b.WriteString(`"` + strings.ReplaceAll(item, `"`, `""`) + "\"\n")
		}
		var again lines.List
		if err := again.UnmarshalText([]byte(b.String())); err != nil || !slices.Equal(l, again) {
			t.Errorf("%q: %q reads back as %q, %v", s, l, again, err)
		}
	})
}
