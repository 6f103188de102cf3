package image

import (
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// Platform is what an image runs on: "os/arch[/variant]".
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
type Platform struct {
	OS, Arch, Variant string
}

// ParsePlatform parses "os/arch[/variant]" and normalises it as BuildKit and
// containerd do: linux/arm64/v8 is linux/arm64, linux/arm is linux/arm/v7,
// x86_64 is amd64.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(strings.ToLower(s), "/")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, " \t,@:") {
			parts = nil
			break
		}
	}
	if len(parts) < 2 || len(parts) > 3 {
		return Platform{}, hint.Wrap(fmt.Errorf("platform %q is not os/arch[/variant]", s), "write it as in \"linux/amd64\" or \"linux/arm/v7\"")
	}
	p := Platform{OS: parts[0], Arch: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p.normal(), nil
}

func (p Platform) normal() Platform {
	switch p.Arch {
	case "x86_64", "x86-64":
		p.Arch = "amd64"
	case "aarch64":
		p.Arch = "arm64"
	case "armhf":
		p.Arch, p.Variant = "arm", "v7"
	case "armel":
		p.Arch, p.Variant = "arm", "v6"
	}
	switch {
	case p.Arch == "amd64" && p.Variant == "v1", p.Arch == "arm64" && (p.Variant == "v8" || p.Variant == "8"):
		p.Variant = ""
	case p.Arch == "arm" && p.Variant == "":
		p.Variant = "v7"
	case p.Arch == "arm" && !strings.HasPrefix(p.Variant, "v"):
		p.Variant = "v" + p.Variant
	}
	return p
}

// String returns "os/arch[/variant]".
func (p Platform) String() string { return p.join("/") }

// Slug returns "os-arch[-variant]", for file names.
func (p Platform) Slug() string { return p.join("-") }

func (p Platform) join(sep string) string {
	s := p.OS + sep + p.Arch
	if p.Variant != "" {
		s += sep + p.Variant
	}
	return s
}

// MarshalText returns String.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePlatform.
func (p *Platform) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePlatform(string(text))
	return err
}
