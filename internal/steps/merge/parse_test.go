package merge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

const sum = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestParseSource(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Source{
		sum:                     {Digest: sum},
		"linux/amd64=" + sum:    {Digest: sum, Platform: image.Platform{OS: "linux", Arch: "amd64"}},
		"linux/arm64/v8=" + sum: {Digest: sum, Platform: image.Platform{OS: "linux", Arch: "arm64"}},
		"linux/arm=" + sum:      {Digest: sum, Platform: image.Platform{OS: "linux", Arch: "arm", Variant: "v7"}},
	} {
		var got Source
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string][2]string{
		"linux/amd64":                    {`digest "linux/amd64"`, "linux/amd64=sha256:…"},
		"linux/amd64=":                   {`digest ""`, "linux/amd64=sha256:…"},
		"=" + sum:                        {`platform ""`, "linux/amd64"},
		"amd64=" + sum:                   {`platform "amd64"`, "linux/amd64"},
		"linux/amd64=sha256:12":          {`digest "sha256:12"`, "one a line"},
		sum + ",linux/arm64=" + sum:      {"platform", "linux/amd64"},
		"ghcr.io/acme/app@" + sum:        {"has a repository", `write "` + sum},
		"linux/amd64=ghcr.io/a/b@" + sum: {"has a repository", `write "` + sum},
	} {
		var s Source
		err := s.UnmarshalText([]byte(in))
		if err == nil || !strings.Contains(err.Error(), want[0]) || !strings.Contains(strings.Join(hint.Of(err), " "), want[1]) {
			t.Errorf("%q: error %v, hints %q, want %q", in, err, hint.Of(err), want)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, s := range []string{sum, "linux/amd64=" + sum, "a=b=c", "@", "=", "linux/arm/v7=ghcr.io/a/b@" + sum} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var once, again Source
		if once.UnmarshalText([]byte(s)) != nil {
			return
		}
		text := string(once.Digest)
		if once.Platform != (image.Platform{}) {
			text = once.Platform.String() + "=" + text
		}
		if err := again.UnmarshalText([]byte(text)); err != nil || again != once {
			t.Errorf("%q is %+v, which reads back as %+v, %v", s, once, again, err)
		}
	})
}

func TestAnnotationsOfAnIndex(t *testing.T) {
	t.Parallel()
	var a Annotations
	if err := a.UnmarshalText([]byte(`
		manifest:a=1
		b=2
		index:c=3=4
		manifest,index:d=5,6
		index-descriptor:e=7
		"index:f=two
lines"
		index:d=last
		manifest-descriptor[linux/arm64/v8]:g=arm64
		manifest-descriptor:g=all
		index,manifest-descriptor[linux/arm]:h=8
	`)); err != nil {
		t.Fatal(err)
	}
	arm64, arm := image.Platform{OS: "linux", Arch: "arm64"}, image.Platform{OS: "linux", Arch: "arm", Variant: "v7"}
	for _, test := range []struct {
		got  map[string]string
		want string
	}{
		{a.ofIndex(), "map[c:3=4 d:last f:two\nlines h:8]"},
		{a.ofDescriptor(arm64), "map[g:arm64]"},
		{a.ofDescriptor(arm), "map[g:all h:8]"},
		{Annotations(nil).ofIndex(), "map[]"},
	} {
		if got := fmt.Sprint(test.got); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestAnnotationsRefuse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"index:key":                    "is not key=value",
		"index:=value":                 "is not key=value",
		"=value":                       "is not key=value",
		"com.example:key=value":        `the level "com.example"`,
		"layer:key=value":              `the level "layer"`,
		"index[]:key=value":            `the level "index[]"`,
		"index,:key=value":             `the level ""`,
		"manifest-descriptor[x]:k=v":   `platform "x"`,
		`"index:key=value`:             "double quote",
		"index:a=b\nlayer:c=d\nmore:e": `the level "layer"`,
	} {
		var a Annotations
		err := a.UnmarshalText([]byte(in))
		if err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("%q: error %v, hints %q, want %q", in, err, hint.Of(err), want)
		}
	}
}

func FuzzAnnotations(f *testing.F) {
	for _, s := range []string{"index:a=b", "manifest,index[linux/arm]:a=b", "a=b", ":=", "index[:a=b", "\"index:a=b\nc\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var a Annotations
		if a.UnmarshalText([]byte(s)) != nil {
			return
		}
		if keys := slices.Collect(maps.Keys(a.ofIndex())); slices.Contains(keys, "") {
			t.Errorf("%q: an annotation without a key", s)
		}
	})
}
