package devstack

import "testing"

func TestRegistrationIsTheKernelsFormat(t *testing.T) {
	t.Parallel()
	// As Debian's qemu-user-static has it, but for name, delimiter and path.
	want := `|release-actions-arm64|M||\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00|\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff|/q/qemu-aarch64-static|OPF`
	for _, e := range emulatable {
		if e.arch == "arm64" {
			if got := e.registration("/q/qemu-aarch64-static"); got != want {
				t.Errorf("registration:\n got %s\nwant %s", got, want)
			}
			return
		}
	}
	t.Error("arm64 can't be emulated")
}

func TestHandlerCountsOnlyWhereContainersCanUseIt(t *testing.T) {
	t.Parallel()
	const magic = "magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n"
	const arm64 = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: POF\noffset 0\n" + magic
	for name, test := range map[string]struct {
		arch, description string
		want              bool
	}{
		"enabled, fixed":        {"arm64", arm64, true},
		"another flag order":    {"arm64", "enabled\ninterpreter /x\nflags: OCF\noffset 0\n" + magic, true},
		"another architecture":  {"arm", arm64, false},
		"disabled":              {"arm64", "disabled\ninterpreter /x\nflags: POF\noffset 0\n" + magic, false},
		"opened when it is run": {"arm64", "enabled\ninterpreter /x\nflags: PO\noffset 0\n" + magic, false},
		"another offset":        {"arm64", "enabled\ninterpreter /x\nflags: F\noffset 4\n" + magic, false},
		"by extension":          {"arm64", "enabled\ninterpreter /x\nflags: F\nextension .jar\n", false},
		"magic cut short":       {"arm64", "enabled\ninterpreter /x\nflags: F\noffset 0\nmagic 7f454c46\n", false},
		"magic not hexadecimal": {"arm64", "enabled\ninterpreter /x\nflags: F\noffset 0\nmagic zz\n", false},
		"nothing":               {"arm64", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, e := range emulatable {
				if e.arch == test.arch && e.handledBy(test.description) != test.want {
					t.Errorf("handledBy = %t, want %t", !test.want, test.want)
				}
			}
		})
	}
}
