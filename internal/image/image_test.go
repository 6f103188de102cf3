package image_test

import (
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestParseRef(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"alpine", "docker.io/library/alpine:latest"},
		{"acme/app:1.2", "docker.io/acme/app:1.2"},
		{"index.docker.io/acme/app:1.2", "docker.io/acme/app:1.2"},
		{"registry-1.docker.io/acme/app", "docker.io/acme/app:latest"},
		{"ghcr.io/acme/app@" + digest, "ghcr.io/acme/app@" + digest},
		{"ghcr.io/acme/app:1.2@" + digest, "ghcr.io/acme/app:1.2@" + digest},
		{"localhost:5000/a/b", "localhost:5000/a/b:latest"},
		{"127.0.0.1:5000/a/b:x", "127.0.0.1:5000/a/b:x"},
	}
	for _, test := range tests {
		ref, err := image.ParseRef(test.in)
		if err != nil {
			t.Errorf("ParseRef(%q): %v", test.in, err)
			continue
		}
		if ref.String() != test.want {
			t.Errorf("ParseRef(%q) = %q, want %q", test.in, ref, test.want)
		}
	}
}

func TestParseRefusesAndSaysWhy(t *testing.T) {
	t.Parallel()
	pinned := func(s string) error { _, err := image.ParsePinned(s); return err }
	ref := func(s string) error { _, err := image.ParseRef(s); return err }
	platform := func(s string) error { _, err := image.ParsePlatform(s); return err }
	tests := []struct {
		in         string
		parse      func(string) error
		want, mend string
	}{
		{"", ref, "empty", ""},
		{"ghcr.io/Acme/App", ref, "upper-case", `"ghcr.io/acme/app"`},
		{"https://ghcr.io/acme/app", ref, "scheme", `"ghcr.io/acme/app"`},
		{"ghcr.io/acme/app:-x", ref, `tag "-x"`, ""},
		{"ghcr.io/acme/app:" + strings.Repeat("a", 129), ref, "up to 128", ""},
		{"ghcr.io/acme/app@sha256:12", ref, `"sha256:12"`, ""},
		{"ghcr.io/acme/", ref, "not host/path", ""},
		{"/app", ref, "not host/path", ""},
		{"ghcr.io//app", ref, "not host/path", ""},
		{"ghcr.io/acme/a b", ref, "lower-case letters", ""},
		{"ghcr.io/acme/app:1", pinned, "no digest", "repository@sha256"},
		{"ghcr.io/acme/app:1@" + digest, pinned, "tag beside", "ghcr.io/acme/app@"},
		{"linux", platform, `platform "linux"`, "linux/amd64"},
		{"linux/arm/v7/x", platform, "os/arch", ""},
		{"linux//x", platform, "os/arch", ""},
	}
	for _, test := range tests {
		err := test.parse(test.in)
		if err == nil {
			t.Errorf("%q is accepted", test.in)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %q lacks %q", test.in, err, test.want)
		}
		if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, test.mend) {
			t.Errorf("%q: hint %q lacks %q", test.in, mend, test.mend)
		}
	}
}

func TestImagesHaveOneDigest(t *testing.T) {
	t.Parallel()
	pin := func(repo, digit string) image.Pinned {
		p, err := image.ParsePinned(repo + "@sha256:" + strings.Repeat(digit, 64))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	here, there, other := pin("ghcr.io/a/b", "1"), pin("a/b", "1"), pin("a/b", "2")
	same := []image.Pinned{here, there, here}
	if err := image.SameDigest(same); err != nil {
		t.Errorf("one image in two registries: %v", err)
	}
	if got := image.Repositories(same); len(got) != 2 || got[0] != here.Repository || got[1] != there.Repository {
		t.Errorf("repositories are %v", got)
	}
	if err := image.SameDigest(nil); err != nil {
		t.Errorf("no image: %v", err)
	}
	err := image.SameDigest([]image.Pinned{here, other})
	if err == nil || !strings.Contains(err.Error(), "different digests") || len(hint.Of(err)) == 0 {
		t.Errorf("two images: %v", err)
	}
}

func TestParsePlatformNormalises(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"linux/amd64":    "linux/amd64",
		"linux/x86_64":   "linux/amd64",
		"linux/arm64/v8": "linux/arm64",
		"linux/arm":      "linux/arm/v7",
		"linux/arm/6":    "linux/arm/v6",
		"Linux/ARM64":    "linux/arm64",
		"linux/s390x":    "linux/s390x",
	} {
		p, err := image.ParsePlatform(in)
		if err != nil || p.String() != want {
			t.Errorf("ParsePlatform(%q) = %q, %v; want %q", in, p, err, want)
		}
	}
	if got := (image.Platform{OS: "linux", Arch: "arm", Variant: "v7"}).Slug(); got != "linux-arm-v7" {
		t.Errorf("Slug = %q", got)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"alpine", "ghcr.io/acme/app:1.2@" + digest, "localhost:5000/a", "a:b/c:d", "@", ":", "A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := image.ParseRef(s)
		if err != nil {
			return
		}
		again, err := image.ParseRef(ref.String())
		if err != nil || again != ref {
			t.Errorf("ParseRef(%q) = %v does not parse back: %v, %v", s, ref, again, err)
		}
	})
}

func FuzzParsePlatform(f *testing.F) {
	for _, s := range []string{"linux/amd64", "linux/arm/v7", "linux", "//", "linux/arm/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := image.ParsePlatform(s)
		if err != nil {
			return
		}
		again, err := image.ParsePlatform(p.String())
		if err != nil || again != p {
			t.Errorf("ParsePlatform(%q) = %v does not parse back: %v, %v", s, p, again, err)
		}
	})
}

func TestReferencesSeenFromARepository(t *testing.T) {
	t.Parallel()
	repository, err := image.ParseRepository("ghcr.io/acme/app")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"1.2.3":                "ghcr.io/acme/app:1.2.3",
		digest:                 "ghcr.io/acme/app@" + digest,
		"docker.io/acme/app:1": "docker.io/acme/app:1",
	} {
		if ref, err := repository.ParseRef(text); err != nil || ref.String() != want {
			t.Errorf("%q: %q, %v, want %q", text, ref, err, want)
		}
	}
	if _, err := (image.Repository{}).ParseRef("1.2.3"); err == nil || len(hint.Of(err)) == 0 {
		t.Errorf("%v, mends %q", err, hint.Of(err))
	}
}
