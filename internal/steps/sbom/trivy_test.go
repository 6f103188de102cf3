package sbom

import (
	"fmt"
	"testing"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

func TestTrivyIsToldTheSourcePackage(t *testing.T) {
	t.Parallel()
	epoch, none, module := 2, 0, "nodejs:18"
	at := file.NewLocationSet(file.NewLocation("/app/package.json"))
	for want, p := range map[string]pkg.Package{
		"[{SrcName glibc} {SrcVersion 2.36-9}]":  {Name: "libc6", Version: "2.36-9", Metadata: pkg.DpkgDBEntry{Source: "glibc"}},
		"[{SrcName bash} {SrcVersion 5.2.15-2}]": {Name: "bash", Version: "5.2.15-2+b1", Metadata: pkg.DpkgDBEntry{Source: "bash", SourceVersion: "5.2.15-2"}},
		"[{SrcName tar} {SrcVersion 1:1.34}]":    {Name: "tar", Version: "1:1.34", Metadata: pkg.DpkgDBEntry{}, Locations: at},
		"[{SrcName openssl} {SrcVersion 3-r0}]":  {Name: "libssl3", Version: "3-r0", Metadata: pkg.ApkDBEntry{OriginPackage: "openssl"}},
		"[{SrcName musl} {SrcVersion 1-r0}]":     {Name: "musl", Version: "1-r0", Metadata: pkg.ApkDBEntry{}},
		"[{SrcName python3.9} {SrcVersion 3.9.18} {SrcRelease 1.el9} {SrcEpoch 2}]": {
			Name: "python3-libs", Metadata: pkg.RpmDBEntry{SourceRpm: "python3.9-3.9.18-1.el9.src.rpm", Epoch: &epoch}},
		"[{SrcName java-17-openjdk} {SrcVersion 17.0} {SrcRelease 3} {Modularitylabel nodejs:18}]": {
			Metadata: pkg.RpmDBEntry{SourceRpm: "java-17-openjdk-17.0-3.nosrc.rpm", Epoch: &none, ModularityLabel: &module}},
		"[]":                            {Name: "gpg-pubkey", Metadata: pkg.RpmDBEntry{SourceRpm: "(none)"}},
		"[{FilePath app/package.json}]": {Name: "lodash", Metadata: pkg.NpmPackage{}, Locations: at},
		"[] ":                           {Name: "nowhere"},
	} {
		if got := fmt.Sprint(trivyProperties(p)); got != want && got+" " != want {
			t.Errorf("%s: %s, want %s", p.Name, got, want)
		}
	}
}
