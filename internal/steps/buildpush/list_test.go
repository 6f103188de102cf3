package buildpush

import (
	"slices"
	"strings"
	"testing"
)

func TestLinesKeepCommasAndQuotedLineBreaks(t *testing.T) {
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
		var got Lines
		if err := got.UnmarshalText([]byte(test.in)); err != nil {
			t.Errorf("%q: %v", test.in, err)
		} else if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestLinesRefuseWithoutShowing(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"A=1\n\"hunter2", `"hunter2" x`, `"hunter2""`} {
		var l Lines
		err := l.UnmarshalText([]byte(in))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v", in, err)
		}
	}
}

func TestSecretListShowsNoValue(t *testing.T) {
	t.Parallel()
	var l SecretList
	if err := l.UnmarshalText([]byte("token=hunter2\n\"key=line 1\nline=2\"")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"hunter2", "line 1\nline=2"}; !slices.Equal(l.Secrets(), want) {
		t.Errorf("got %q, want %q", l.Secrets(), want)
	}
	for _, in := range []string{"hunter2", "=hunter2", "a=\nhunter2", "\"hunter2"} {
		var l SecretList
		err := l.UnmarshalText([]byte(in))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v", in, err)
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"a\nb", "\"a\nb\"", `"a""b"`, `"`, "\"\" \n\"a\"", "a \"b\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var l Lines
		if l.UnmarshalText([]byte(s)) != nil {
			return
		}
		// Written with quotes, the items read back as they are.
		var b strings.Builder
		for _, item := range l {
			b.WriteString(`"` + strings.ReplaceAll(item, `"`, `""`) + "\"\n")
		}
		var again Lines
		if err := again.UnmarshalText([]byte(b.String())); err != nil || !slices.Equal(l, again) {
			t.Errorf("%q: %q reads back as %q, %v", s, l, again, err)
		}
	})
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"containerimage.digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}`))
	f.Add([]byte(`{"containerimage.digest":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseMetadata(text); err == nil && m.imageID() == "" && m.Digest != "" {
			t.Errorf("%q: no image id", text)
		}
	})
}
