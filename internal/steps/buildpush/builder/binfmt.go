package builder

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// handler is a program that the kernel runs foreign programs with.
//
// https://docs.kernel.org/admin-guide/binfmt-misc.html
type handler struct {
	name    string
	arch    string // whose programs it runs, as Go names it; "" where of no interest
	enabled bool
	flags   string
}

// elf is how the header of an ELF file tells an architecture's programs apart.
//
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
type elf struct {
	class   byte // 1 for 32 bits, 2 for 64
	data    byte // 1 for little-endian, 2 for big-endian
	machine byte
}

// emulatable are the architectures that QEMU's user mode runs on Linux; the
// image of its handlers names them as OCI does.
var emulatable = map[string]elf{
	"386":      {1, 1, 0x03},
	"amd64":    {2, 1, 0x3e},
	"arm":      {1, 1, 0x28},
	"arm64":    {2, 1, 0xb7},
	"loong64":  {2, 1, 0x02}, // the lower byte of 0x102
	"mips64":   {2, 2, 0x08},
	"mips64le": {2, 1, 0x08},
	"ppc64le":  {2, 1, 0x15},
	"riscv64":  {2, 1, 0xf3},
	"s390x":    {2, 2, 0x16},
}

// Offsets in the header.
const (
	elfClass, elfData, elfMachine = 4, 5, 18
	elfLength                     = 20 // of the part that tells the architecture
)

// parseHandler reads a file of binfmt_misc. A handler of anything but whole
// ELF headers has no architecture.
func parseHandler(name string, text []byte) handler {
	h := handler{name: name}
	var magic []byte
	offset := "0"
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "enabled":
			h.enabled = true
		case "flags:":
			h.flags = value
		case "offset":
			offset = value
		case "magic":
			magic, _ = hex.DecodeString(value) // nothing where it isn't hexadecimal
		}
	}
	if len(magic) < elfLength || offset != "0" || string(magic[:4]) != "\x7fELF" {
		return h
	}
	header := elf{magic[elfClass], magic[elfData], magic[elfMachine]}
	if header.data == 2 {
		header.machine = magic[elfMachine+1]
	}
	for arch, e := range emulatable {
		if e == header {
			h.arch = arch
		}
	}
	return h
}

// handlers returns the kernel's handlers, by architecture, and whether they
// can be seen from here at all.
func handlers(dir string) (byArch map[string]handler, visible bool, err error) {
	if _, err := os.Stat(filepath.Join(dir, "register")); err != nil {
		// Not mounted, as in most containers.
		return nil, false, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false, fmt.Errorf("read the kernel's handlers: %w", err)
	}
	byArch = map[string]handler{}
	for _, entry := range entries {
		if name := entry.Name(); name != "register" && name != "status" {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed meanwhile
			}
			if err != nil {
				return nil, false, fmt.Errorf("read the kernel's handlers: %w", err)
			}
			// Of several, the kernel takes the first that is enabled.
			if h := parseHandler(name, text); h.arch != "" && !byArch[h.arch].enabled {
				byArch[h.arch] = h
			}
		}
	}
	return byArch, true, nil
}

// fault says why a handler can't be relied on, or "".
func (h handler) fault() string {
	switch {
	case !h.enabled:
		return "is disabled"
	case !strings.Contains(h.flags, "F"):
		return fmt.Sprintf("has the flags %q without F: containers don't find its interpreter", h.flags)
	case !strings.Contains(h.flags, "P"):
		return fmt.Sprintf("has the flags %q without P: programs don't see the name that they are called by, and those of many names, such as busybox, break", h.flags)
	}
	return ""
}
