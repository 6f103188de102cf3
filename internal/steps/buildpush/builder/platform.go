package builder

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// systems and architectures are those that Go knows, which OCI takes its names
// from.
//
// https://go.dev/doc/install/source#environment
var (
	systems = []string{
		"linux", "windows", "freebsd", "darwin", "netbsd", "openbsd", "dragonfly", "solaris", "illumos", "aix", "plan9", "android", "ios", "js", "wasip1",
	}
	architectures = []string{
		"amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "s390x", "loong64", "mips64le", "mips64", "mipsle", "mips", "ppc64", "wasm",
	}
)

// CheckPlatforms refuses platforms that there are none of: BuildKit would build
// for them as well, and nothing would ever run the image.
func CheckPlatforms(platforms []image.Platform) error {
	var errs []error
	for _, p := range platforms {
		for _, part := range []struct {
			name, value string
			known       []string
		}{{"operating system", p.OS, systems}, {"architecture", p.Arch, architectures}} {
			if !slices.Contains(part.known, part.value) {
				errs = append(errs, hint.Wrap(fmt.Errorf("platform %q: there is no %s %q", p, part.name, part.value),
					"usual ones are linux/amd64, linux/arm64, linux/arm/v7, linux/riscv64, linux/ppc64le and linux/s390x"))
			}
		}
	}
	return errors.Join(errs...)
}

// runs reports whether what runs programs of have also runs those of want.
func runs(have, want image.Platform) bool {
	if have.OS != want.OS || have.Arch != want.Arch {
		return false
	}
	if have.Variant == want.Variant || want.Variant == "" {
		return true
	}
	switch want.Arch {
	case "amd64", "arm":
		// A processor runs what is for its predecessors.
		h, err1 := version(have.Variant)
		w, err2 := version(want.Variant)
		return err1 == nil && err2 == nil && w <= h
	}
	return false
}

func version(variant string) (int, error) {
	if variant == "" {
		return 1, nil
	}
	return strconv.Atoi(strings.TrimPrefix(variant, "v"))
}

// native reports whether a machine whose own platform is own runs p without
// emulation, as far as their names tell.
func native(own, p image.Platform) bool {
	return own.OS == p.OS && (own.Arch == p.Arch || own.Arch == "amd64" && p.Arch == "386" || own.Arch == "arm64" && p.Arch == "arm")
}

// has reports whether the node runs p, by itself or emulated.
func (n node) has(p image.Platform) bool {
	return slices.ContainsFunc(n.platforms, func(have image.Platform) bool { return runs(have, p) })
}

// lack returns the platforms that none of the nodes runs.
func lack(nodes []node, platforms []image.Platform) []image.Platform {
	return slices.DeleteFunc(slices.Clone(platforms), func(p image.Platform) bool {
		return slices.ContainsFunc(nodes, func(n node) bool { return n.has(p) })
	})
}

// describe tells what the nodes run.
func describe(nodes []node) string {
	var parts []string
	for _, n := range nodes {
		parts = append(parts, fmt.Sprintf("node %q has %s", n.name, join(n.platforms, ", ")))
	}
	return strings.Join(parts, "; ")
}
