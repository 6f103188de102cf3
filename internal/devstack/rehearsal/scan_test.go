//go:build e2e

package rehearsal_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// TestTrivyFindsTheSameInOurDocuments has Trivy scan images of two operating
// systems, with packages of several languages, and then the documents that
// the sbom step makes of them.
func TestTrivyFindsTheSameInOurDocuments(t *testing.T) {
	common := `
CVE-0000-0001 golang.org/x/sys v0.29.0 MEDIUM 0.30.0
CVE-0000-0002 github.com/mattn/go-isatty v0.0.20 LOW
CVE-0000-0003 lodash 4.17.20 CRITICAL 4.17.21
CVE-0000-0003 lodash 4.17.20 CRITICAL 4.17.21
CVE-0000-0004 @babel/traverse 7.23.0 HIGH 7.23.2
CVE-0000-0005 minimist 1.2.8 MEDIUM
CVE-0000-0006 pyyaml 5.3.1 HIGH 5.4
CVE-0000-0017 stdlib ` + strings.TrimPrefix(runtime.Version(), "go") + ` LOW 99.0.0`
	judges := rehearsal.NewJudges(world.Env, "v0.0.0")
	cache := t.TempDir()
	trivy := func(t *testing.T, args ...string) string {
		t.Helper()
		out, err := judges.Run(t.Context(), "trivy", append(args, "--cache-dir", cache, "--scanners", "vuln", "--format", "json", "--quiet", "--skip-version-check")...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for base, want := range map[string]string{
		"debian": `
CVE-0000-0007 libssl3 3.0.19-1~deb12u2 CRITICAL 3.0.99-1~deb12u1
CVE-0000-0008 libc-bin 2.36-9+deb12u14 LOW
CVE-0000-0008 libc6 2.36-9+deb12u14 LOW
CVE-0000-0009 bash 5.2.15-2+b13 HIGH 5.2.15-2+b1
CVE-0000-0010 zlib1g 1:1.2.13.dfsg-1 MEDIUM 1:1.2.14.dfsg-1
CVE-0000-0011 login 1:4.13+dfsg1-1+deb12u2 UNKNOWN 1:4.13+dfsg1-1+deb12u9
CVE-0000-0011 passwd 1:4.13+dfsg1-1+deb12u2 UNKNOWN 1:4.13+dfsg1-1+deb12u9
CVE-0000-0012 gcc-12-base 12.2.0-14+deb12u1 LOW 12.2.0-99
CVE-0000-0012 libgcc-s1 12.2.0-14+deb12u1 LOW 12.2.0-99
`,
		"alpine": `
CVE-0000-0014 libcrypto3 3.3.2-r0 HIGH 3.3.9-r0
CVE-0000-0014 libssl3 3.3.2-r0 HIGH 3.3.9-r0
CVE-0000-0015 busybox 1.36.1-r29 MEDIUM 1.36.1-r99
CVE-0000-0015 busybox-binsh 1.36.1-r29 MEDIUM 1.36.1-r99
CVE-0000-0015 ssl_client 1.36.1-r29 MEDIUM 1.36.1-r99
`,
	} {
		t.Run(base, func(t *testing.T) {
			repository := "ghcr.io/acme/scanned-" + base
			digest := pushScanned(t, repository, base, "common")
			dir := t.TempDir()
			if out, err := step(t, "sbom", "-images", repository+"@"+digest, "-output-dir", dir); err != nil {
				t.Fatal(out)
			}
			expected := strings.Split(strings.TrimSpace(common+want), "\n")
			slices.Sort(expected)
			for _, platform := range platforms {
				image := found(t, trivy(t, "image", "--image-src", "remote", "--platform", platform, repository+"@"+digest))
				if !slices.Equal(image, expected) {
					t.Errorf("%s: found in the image:\n%s\nwant\n%s", platform, strings.Join(image, "\n"), strings.Join(expected, "\n"))
				}
				for _, format := range []string{"cdx", "spdx"} {
					document := path.Join(dir, "sbom-"+strings.ReplaceAll(platform, "/", "-")+"."+format+".json")
					if listed := found(t, trivy(t, "sbom", document)); !slices.Equal(listed, image) {
						t.Errorf("%s: found in %s:\n%s\nand in the image\n%s", platform, format, strings.Join(listed, "\n"), strings.Join(image, "\n"))
					}
				}
			}
		})
	}
}

// TestScanFindsWhatTrivyFinds holds the files of the scan step against those of
// Trivy that was called by hand, for images and for documents.
func TestScanFindsWhatTrivyFinds(t *testing.T) {
	const repository = "docker.io/acme/scanned"
	digest := pushScanned(t, repository, "debian", "common")
	image := repository + "@" + digest
	judges := rehearsal.NewJudges(world.Env, "v0.0.0")
	dir, cache := t.TempDir(), t.TempDir()
	if out, err := step(t, "scan", "-images", image, "-output-dir", dir, "-fail-on", ""); err != nil {
		t.Fatal(out)
	}
	for _, platform := range platforms {
		byHand := filepath.Join(t.TempDir(), "sarif")
		if _, err := judges.Run(t.Context(), "trivy", "image", "--image-src", "remote", "--platform", platform, "--format", "sarif", "--output", byHand,
			"--scanners", "vuln", "--cache-dir", cache, "--quiet", "--skip-version-check", image); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(byHand)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path.Join(dir, "scan-"+strings.ReplaceAll(platform, "/", "-")+".sarif"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := results(t, got), results(t, want); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: the step has\n%s\nand Trivy\n%s", platform, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}

	t.Run("documents in the images' place", func(t *testing.T) {
		sboms, listed := t.TempDir(), t.TempDir()
		if out, err := step(t, "sbom", "-images", image, "-output-dir", sboms); err != nil {
			t.Fatal(out)
		}
		files, err := filepath.Glob(filepath.Join(sboms, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if err := world.ClearRequests(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out, err := step(t, "scan", "-images", image, "-source", "sbom", "-sboms", strings.Join(files, "\n"), "-output-dir", listed, "-fail-on", ""); err != nil {
			t.Fatal(out)
		}
		requests, err := world.Requests(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			if strings.Contains(r.Path, "/acme/scanned/blobs/") {
				t.Errorf("a blob was pulled: %s %s", r.Method, r.Path)
			}
		}
		for _, platform := range platforms {
			name := "scan-" + strings.ReplaceAll(platform, "/", "-") + ".json"
			var reports [2][]string
			for i, dir := range []string{dir, listed} {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				reports[i] = found(t, string(text))
			}
			if len(reports[0]) == 0 || !slices.Equal(reports[0], reports[1]) {
				t.Errorf("%s: the image has\n%s\nand its document\n%s", platform, strings.Join(reports[0], "\n"), strings.Join(reports[1], "\n"))
			}
		}
	})

	t.Run("cosign finds the reports, attested", func(t *testing.T) {
		reports, err := filepath.Glob(filepath.Join(dir, "*.vuln.json"))
		if err != nil || len(reports) != len(platforms) {
			t.Fatal(reports, err)
		}
		if out, err := step(t, "attest", "-images", image, "-build-provenance=false", "-vulnerability-reports", strings.Join(reports, "\n"), "-output-dir", t.TempDir(),
			"-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"], "-signing-config", world.Env["SIGSTORE_SIGNING_CONFIG"]); err != nil {
			t.Fatal(out)
		}
		j := rehearsal.NewJudges(world.Env, "v1.2.3") // as which a step by itself signs
		found, err := j.Platforms(t.Context(), image)
		if err != nil {
			t.Fatal(err)
		}
		for platform, digest := range found {
			for _, cosign := range []string{"cosign2", "cosign3"} {
				if err := j.Attestation(t.Context(), cosign, "vuln", repository+"@"+digest, digest); err != nil {
					t.Errorf("%s refuses the report of %s: %v", cosign, platform, err)
				}
			}
		}
	})

	t.Run("the gate is closed unless it is opened", func(t *testing.T) {
		out, err := step(t, "scan", "-images", image, "-output-dir", t.TempDir())
		if err == nil || !strings.Contains(out, "the gate refuses 2 findings of severity CRITICAL or worse: CVE-0000-0003 in lodash 4.17.20, fixed in 4.17.21; CVE-0000-0007 in libssl3") {
			t.Error(out)
		}
	})

	t.Run("a database that can't be had", func(t *testing.T) {
		for _, host := range []string{"mirror.gcr.io", "ghcr.io"} {
			if err := world.Fault(t.Context(), host, 429, 1000, "/v2/aqua"); err != nil {
				t.Fatal(err)
			}
		}
		defer func() {
			if err := world.ClearFaults(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		out, err := step(t, "scan", "-images", image, "-output-dir", t.TempDir(), "-retry-for", "1s", "-fail-on", "")
		if err == nil || !strings.Contains(out, "fetch the vulnerability database") || !strings.Contains(out, "db-repository") {
			t.Error(out)
		}
	})

	t.Run("a repository that is down, and a limit that passes", func(t *testing.T) {
		if err := world.Fault(t.Context(), "mirror.gcr.io", 503, 1000, "/v2/aqua"); err != nil {
			t.Fatal(err)
		}
		if err := world.Fault(t.Context(), "ghcr.io", 429, 2, "/v2/aqua"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := world.ClearFaults(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		if out, err := step(t, "scan", "-images", image, "-output-dir", t.TempDir(), "-fail-on", ""); err != nil {
			t.Error(out)
		}
	})
}

// TestGateStopsTheRelease plants a package with a critical finding that has a
// fix. Nothing must be public then, and the run says what refused it.
func TestGateStopsTheRelease(t *testing.T) {
	s := stage(t, nil)
	dockerfile := filepath.Join(s.Repo, "Dockerfile")
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	plant := func(version string) {
		t.Helper()
		more := fmt.Sprintf("COPY <<EOF /node_modules/lodash/package.json\n{\"name\":\"lodash\",\"version\":%q}\nEOF\n", version)
		if err := os.WriteFile(dockerfile, append(slices.Clone(text), more...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant("4.17.20")
	out := run(t, s, rehearsal.Trial{Tag: "v6.6.6"})
	if out.Code == 0 || !strings.Contains(out.Log, "the gate refuses 1 findings of severity CRITICAL or worse: CVE-0000-0003 in lodash 4.17.20, fixed in 4.17.21") {
		t.Errorf("exit %d:\n%s", out.Code, out.Log)
	}
	if !strings.Contains(out.Summary, "The gate **refuses** the image") || !strings.Contains(out.Summary, "[`CVE-0000-0003`]") {
		t.Errorf("summary:\n%s", out.Summary)
	}
	untouched(t, "v6.6.6", "6.6.6")
	// Code scanning shows it all the same, on every platform.
	categories := analyses(t, "refs/tags/v6.6.6")
	if want := []string{"container-release/linux-amd64", "container-release/linux-arm-v7", "container-release/linux-arm64"}; !slices.Equal(categories, want) {
		t.Errorf("code scanning has %q, want %q", categories, want)
	}
	plant("4.17.21")
	succeed(t, s, rehearsal.Trial{Tag: "v6.6.6"})
	approve(t, "v6.6.6", "6.6.6")
}

// analyses are the categories of what code scanning has of a ref.
func analyses(t *testing.T, ref string) (categories []string) {
	t.Helper()
	var all []struct{ Category string }
	if err := world.Get(t.Context(), "https://api.github.com/repos/"+rehearsal.Repository+"/code-scanning/analyses?ref="+ref, &all); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		categories = append(categories, a.Category)
	}
	slices.Sort(categories)
	return categories
}
