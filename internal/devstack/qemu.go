package devstack

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const (
	binfmtDir    = "/proc/sys/fs/binfmt_misc"
	binfmtPrefix = ownName + "-"
)

// emulated is an architecture that QEMU's user mode runs.
type emulated struct {
	arch string // as Go and OCI have it
	qemu string // QEMU's name for it
	// The ELF header's class (1 for 32 bits, 2 for 64) and machine, which tell
	// its programs from others'. All are little-endian.
	class, machine byte
}

// https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
var emulatable = []emulated{
	{"amd64", "x86_64", 2, 0x3e},
	{"arm64", "aarch64", 2, 0xb7},
	{"arm", "arm", 1, 0x28},
}

// magic returns the first bytes of an ELF executable, and which bits of them count.
func (e emulated) magic() (magic, mask []byte) {
	magic = []byte{0x7f, 'E', 'L', 'F', e.class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, e.machine, 0}
	mask = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff}
	return magic, mask
}

// registration is the line that makes the kernel run e's programs with interpreter.
//
// Flags: O and P hand over the opened program and its own name, without which
// programs of many names, such as busybox, break; F opens the interpreter now,
// so that it is found from inside of any container.
// https://docs.kernel.org/admin-guide/binfmt-misc.html
func (e emulated) registration(interpreter string) string {
	escape := func(bytes []byte) string {
		var s strings.Builder
		for _, b := range bytes {
			fmt.Fprintf(&s, `\x%02x`, b)
		}
		return s.String()
	}
	magic, mask := e.magic()
	return "|" + strings.Join([]string{binfmtPrefix + e.arch, "M", "", escape(magic), escape(mask), interpreter, "OPF"}, "|")
}

// handledBy reports whether a handler, as the kernel describes it, runs e's
// programs in containers too.
func (e emulated) handledBy(description string) bool {
	var flags, offset, magic string
	enabled := false
	for line := range strings.Lines(description) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "enabled":
			enabled = true
		case "flags:":
			flags = value
		case "offset":
			offset = value
		case "magic":
			magic = value
		}
	}
	want, mask := e.magic()
	got, err := hex.DecodeString(magic)
	if err != nil || len(got) < len(want) {
		return false
	}
	for i := range want {
		if got[i]&mask[i] != want[i]&mask[i] {
			return false
		}
	}
	return enabled && offset == "0" && strings.Contains(flags, "F")
}

// unhandled returns the architectures that images are built for and that this
// machine can't run yet.
func unhandled() ([]emulated, error) {
	var missing []emulated
	for _, e := range emulatable {
		handled, err := e.handled()
		if err != nil {
			return nil, err
		}
		if !handled && e.arch != runtime.GOARCH {
			missing = append(missing, e)
		}
	}
	return missing, nil
}

// fetchQEMU returns a QEMU for each of the architectures, by name.
func fetchQEMU(ctx context.Context, packages *debian, missing []emulated) (interpreters map[string]string, err error) {
	interpreters = map[string]string{}
	for _, e := range missing {
		if interpreters[e.arch], err = packages.program(ctx, "usr/bin/qemu-"+e.qemu, "qemu-user-static", "qemu-user"); err != nil {
			return nil, err
		}
	}
	return interpreters, nil
}

// emulate registers the interpreters with the kernel.
func emulate(interpreters map[string]string) error {
	if len(interpreters) == 0 {
		return nil
	}
	if err := mountBinfmt(); err != nil {
		return err
	}
	for _, e := range emulatable {
		interpreter, wanted := interpreters[e.arch]
		if !wanted {
			continue
		}
		if err := os.WriteFile(filepath.Join(binfmtDir, "register"), []byte(e.registration(interpreter)), 0o200); err != nil {
			return fmt.Errorf("register QEMU for %s: %w", e.arch, err)
		}
	}
	return nil
}

func (e emulated) handled() (bool, error) {
	handlers, err := os.ReadDir(binfmtDir)
	if err != nil {
		return false, err
	}
	for _, h := range handlers {
		if h.Name() == "register" || h.Name() == "status" {
			continue
		}
		description, err := os.ReadFile(filepath.Join(binfmtDir, h.Name()))
		if err != nil {
			return false, err
		}
		if e.handledBy(string(description)) {
			return true, nil
		}
	}
	return false, nil
}

func mountBinfmt() error {
	if isFile(filepath.Join(binfmtDir, "register")) {
		return nil
	}
	if err := syscall.Mount(ownName, binfmtDir, "binfmt_misc", 0, ""); err != nil {
		return fmt.Errorf("mount binfmt_misc on %s, which QEMU's emulation needs: %w", binfmtDir, err)
	}
	return nil
}

// stopEmulating undoes emulate, also what a world left that was killed.
func stopEmulating() error {
	ours, err := filepath.Glob(filepath.Join(binfmtDir, binfmtPrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, handler := range ours {
		if err := os.WriteFile(handler, []byte("-1"), 0o200); err != nil {
			errs = append(errs, fmt.Errorf("unregister %q: %w", handler, err))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	if strings.Contains("\n"+string(mounts), "\n"+ownName+" "+binfmtDir+" ") {
		if err := syscall.Unmount(binfmtDir, 0); err != nil {
			errs = append(errs, fmt.Errorf("unmount %q: %w", binfmtDir, err))
		}
	}
	return errors.Join(errs...)
}
