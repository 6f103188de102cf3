package builder

import (
	"errors"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

func TestListOfBuildersIsRead(t *testing.T) {
	t.Parallel()
	all, err := parseEntries([]byte(`WARNING: something of no interest
{"Current":false,"Driver":"remote","Dynamic":false,"LastActivity":"2026-11-25T09:50:04Z","Name":"n","Nodes":[{"Endpoint":"unix:///n.sock","IDs":["u2"],"Labels":{"a":"b"},"Name":"n0","Platforms":["linux/arm64*","linux/amd64"],"Status":"running","Version":"v0.34.2"},{"Endpoint":"tcp://a:1","Err":"no","Name":"n1","Status":"error"}]}
{"Current":true,"Driver":"docker","Name":"default","Nodes":null}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Name != "n" || all[0].Driver != "remote" || len(all[0].Nodes) != 2 || all[0].Nodes[1].Err != "no" || !all[1].Current {
		t.Errorf("got %+v", all)
	}
	b := &Builder{Name: "n"}
	all[0].Nodes = all[0].Nodes[:1]
	if err := b.learn(all); err != nil {
		t.Fatal(err)
	}
	if got := describe(b.nodes); got != `node "n0" has linux/arm64, linux/amd64` {
		t.Errorf("nodes: %s", got)
	}
	for _, bad := range []string{`{"Name":1}`, `{"Name":"x"`, `{}`} {
		if _, err := parseEntries([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(`{"Name":"n","Driver":"remote","Nodes":[{"Name":"n0","Status":"running","Platforms":["linux/arm64*","x"]}]}`)
	f.Add("WARNING\n{\"Name\":\"n\"}\n\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseEntries([]byte(text))
		if err != nil {
			return
		}
		for _, e := range all {
			b := &Builder{Name: e.Name}
			if b.learn(all) == nil && len(b.nodes) == 0 {
				t.Errorf("%q: a builder without nodes runs", text)
			}
		}
	})
}

func TestPlatformsThatThereAreNoneOf(t *testing.T) {
	t.Parallel()
	if err := CheckPlatforms(platforms(t, "linux/amd64", "linux/arm/v7", "windows/amd64", "linux/riscv64", "wasip1/wasm")); err != nil {
		t.Error(err)
	}
	err := CheckPlatforms(platforms(t, "linux/amd65", "linus/amd64"))
	for _, want := range []string{`platform "linux/amd65": there is no architecture "amd65"`, `platform "linus/amd64": there is no operating system "linus"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if len(hint.Of(err)) != 1 {
		t.Errorf("mends %q", hint.Of(err))
	}
}

func TestWhatRunsWhat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		have, want string
		runs       bool
	}{
		{"linux/amd64", "linux/amd64", true},
		{"linux/amd64/v3", "linux/amd64", true},
		{"linux/amd64/v3", "linux/amd64/v2", true},
		{"linux/amd64", "linux/amd64/v2", false},
		{"linux/arm/v7", "linux/arm/v6", true},
		{"linux/arm/v6", "linux/arm/v7", false},
		{"linux/arm64", "linux/arm/v7", false},
		{"linux/arm64", "linux/arm64/v9", false},
		{"linux/amd64", "windows/amd64", false},
	} {
		if got := runs(platforms(t, test.have)[0], platforms(t, test.want)[0]); got != test.runs {
			t.Errorf("%s runs %s: %v", test.have, test.want, got)
		}
	}
}

func TestFailedBuildsAreExplained(t *testing.T) {
	t.Parallel()
	b := &Builder{Name: "mine", nodes: []node{{name: "mine0", platforms: platforms(t, "linux/amd64")}}, lacking: platforms(t, "linux/s390x")}
	failed := errors.New("exit status 1")
	for _, test := range []struct {
		b             *Builder
		output, cause string
		mend          string // "" for none
	}{
		{b, "exec /bin/sh: exec format error", "exit code: 1", `no node of builder "mine" runs programs for linux/s390x (node "mine0" has linux/amd64)`},
		{&Builder{}, "exec /bin/sh: exec format error", "exit code: 1", ""},
		{b, "", "failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", "has died"},
		{b, "2.1 the container app is not running", "exit code: 1", ""},
		{b, "", "failed to push acme/app: read tcp: connection reset by peer", ""},
		{b, "", "exit code: 1", ""},
	} {
		err := test.b.Explain(failed, test.output, test.cause)
		mends := strings.Join(hint.Of(err), "\n")
		if !errors.Is(err, failed) || !strings.Contains(mends, test.mend) || (mends == "") != (test.mend == "") {
			t.Errorf("%q, %q: error %v, mends %q", test.output, test.cause, err, mends)
		}
	}
	if b.Explain(nil, "exec format error", "") != nil {
		t.Error("an error where there is none")
	}
}

func TestNative(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		own, p string
		native bool
	}{
		{"linux/amd64", "linux/386", true}, {"linux/amd64", "linux/arm64", false}, {"linux/arm64", "linux/arm/v7", true}, {"linux/arm64", "linux/amd64", false},
	} {
		var own, p image.Platform
		own, p = platforms(t, test.own)[0], platforms(t, test.p)[0]
		if native(own, p) != test.native {
			t.Errorf("%s is native on %s: %v", test.p, test.own, !test.native)
		}
	}
}
