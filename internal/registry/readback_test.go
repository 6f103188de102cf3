package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/image"
)

func TestReadBackWaitsForEveryRegistry(t *testing.T) {
	t.Parallel()
	img := platformImage(t, "linux", "amd64", "")
	for _, test := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		kind  error
	}{
		{"shown at once", fault(0, "GET", "", nil), nil},
		{"shown after a moment", fault(1, "GET", "/manifests/", status(http.StatusNotFound)), nil},
		{"never shown", fault(-1, "GET", "/manifests/", status(http.StatusNotFound)), ErrNotFound},
		{"refused", fault(-1, "GET", "/manifests/", status(http.StatusForbidden)), ErrDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			servers := []*server{newServer(t, true), newServer(t, false, test.fault)}
			var repos []image.Repository
			var digest image.Digest
			for _, s := range servers {
				p := s.push(t, img)
				repos, digest = append(repos, p.Repository), p.Digest
			}
			manifests, err := client(t, Credentials{}, Options{}).ReadBack(t.Context(), repos, digest, time.Second)
			if !errors.Is(err, test.kind) || (err == nil) != (test.kind == nil) {
				t.Fatalf("error %v, want %v", err, test.kind)
			}
			if err == nil && (len(manifests) != 1 || manifests[0].Digest != digest) {
				t.Errorf("manifests %v", manifests)
			}
			if n := servers[1].count("GET /v2/org/app/manifests/"); test.kind == ErrDenied && n != 1 { //nolint:errorlint // the sentinel itself
				t.Errorf("asked %d times where it was refused", n)
			}
		})
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	amd64, arm64, arm := image.Platform{OS: "linux", Arch: "amd64"}, image.Platform{OS: "linux", Arch: "arm64"}, image.Platform{OS: "linux", Arch: "arm", Variant: "v7"}
	of := func(platforms ...image.Platform) (manifests []PlatformManifest) {
		for _, p := range platforms {
			manifests = append(manifests, PlatformManifest{Platform: p})
		}
		return manifests
	}
	for _, test := range []struct {
		have, want []image.Platform
		order, err string
	}{
		{[]image.Platform{arm, amd64, arm64}, []image.Platform{amd64, arm64, arm}, "linux/amd64 linux/arm64 linux/arm/v7", ""},
		{[]image.Platform{arm, amd64}, nil, "linux/arm/v7 linux/amd64", ""},
		{[]image.Platform{amd64}, []image.Platform{amd64, arm64}, "", "the platforms linux/amd64, and linux/amd64, linux/arm64 are asked for"},
		{[]image.Platform{amd64, arm}, []image.Platform{amd64}, "", "the platforms linux/amd64, linux/arm/v7, and linux/amd64 are"},
		{nil, nil, "", "no platform"},
	} {
		given := of(test.have...)
		got, err := InOrder(given, test.want)
		if err == nil && test.err != "" || err != nil && (test.err == "" || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%v in the order of %v: error %v, want %q", test.have, test.want, err, test.err)
		}
		var order []string
		for _, m := range got {
			order = append(order, m.Platform.String())
		}
		if strings.Join(order, " ") != test.order {
			t.Errorf("%v in the order of %v: %v, want %s", test.have, test.want, order, test.order)
		}
		if fmt.Sprint(given) != fmt.Sprint(of(test.have...)) {
			t.Errorf("the manifests that were given have moved: %v", given)
		}
	}
}
