package devstack

import (
	"fmt"
	"strings"

	"github.com/moby/sys/capability"
)

// withheldCapabilities returns the names of the capabilities that no process of
// this machine can be given, though its kernel has them: those of a machine
// that is a sandbox itself.
//
// https://man7.org/linux/man-pages/man7/capabilities.7.html
func withheldCapabilities() (names []string, err error) {
	self, err := capability.NewPid2(0)
	if err == nil {
		err = self.Load()
	}
	if err != nil {
		return nil, fmt.Errorf("read this process's capabilities: %w", err)
	}
	all, err := capability.ListSupported()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's capabilities: %w", err)
	}
	for _, c := range all {
		if !self.Get(capability.BOUNDING, c) {
			names = append(names, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	return names, nil
}

// modestRunc is a script in the place of runc that takes withheld capabilities
// out of containers' configurations: an engine gives all to a privileged one,
// which then fails to start.
func modestRunc(runc string, withheld []string) string {
	var edits strings.Builder
	for _, name := range withheld {
		fmt.Fprintf(&edits, ` -e 's/"%[1]s",//g' -e 's/,"%[1]s"//g'`, name)
	}
	return fmt.Sprintf(`#!/bin/sh
before=
for argument; do
	[ "$before" != --bundle ] || sed -i%s "$argument/config.json"
	before=$argument
done
exec '%s' "$@"
`, edits.String(), runc)
}
