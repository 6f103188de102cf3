package buildpush

import (
	"slices"
	"strings"
	"testing"
)

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
