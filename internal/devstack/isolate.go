package devstack

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

// isolateCommand is the hidden subcommand under which this program runs as the
// first process of an isolated part.
const isolateCommand = "isolate"

// isolate becomes command inside of fresh namespaces. It returns only on error.
func isolate(command, env []string) error {
	if len(command) == 0 {
		return errors.New("nothing to isolate")
	}
	// Mounts of the part must not reach the machine, and /proc must show the new PIDs.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// Programs with no setting for it keep their state in /run, past the end that they have here.
	if err := syscall.Mount(ownName, "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	// The death signal belongs to a thread; the one that calls exec survives it.
	runtime.LockOSThread()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0); errno != 0 {
		return fmt.Errorf("set the death signal: %w", errno)
	}
	return fmt.Errorf("run %q: %w", command[0], syscall.Exec(command[0], command, env))
}
