//go:build e2e

package rehearsal_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/rehearsal"
	"github.com/org/release-actions/internal/parallel"
)

// The columns of the table: what a verifier is asked, of evidence in a layout.
var (
	layouts  = []string{"bundles", "legacy"}
	commands = []string{"verify", "spdxjson", "cyclonedx", "slsaprovenance1"}
)

// look is one process of a verifier.
type look struct {
	cosign, layout, command, ref, digest string
}

// TestEveryVerifierAcceptsWhatTheTableSays has three cosigns verify an index, by
// its tag and its digest, and each platform's image, in a registry without and in
// one with the Referrers API: all that is said of them, in both layouts. What they
// accept must be what docs/signing.md says.
func TestEveryVerifierAcceptsWhatTheTableSays(t *testing.T) {
	var looks []look
	for _, layout := range layouts {
		c := push(t, []string{"ghcr.io/acme/matrix", "docker.io/acme/matrix"})
		retag(t, c, layout)
		signAndAttestWith(t, c, map[string]string{"legacy": fmt.Sprint(layout == "legacy")}, map[string]string{"build-provenance": "true"})
		for _, repository := range c.repositories {
			refs := map[string]string{repository + ":" + layout: c.digests[0]}
			for _, digest := range c.digests {
				refs[repository+"@"+digest] = digest
			}
			for ref, digest := range refs {
				for _, cosign := range rehearsal.Cosigns {
					for _, command := range commands {
						looks = append(looks, look{cosign, layout, command, ref, digest})
					}
				}
			}
		}
	}
	errs := make([]error, len(looks))
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	_ = parallel.Each(looks, func(n int, l look) error { // errs has them
		if l.command == "verify" {
			errs[n] = j.Signature(t.Context(), l.cosign, l.ref, l.digest)
		} else {
			errs[n] = j.Attestation(t.Context(), l.cosign, l.command, l.ref, l.digest)
		}
		return nil
	})
	accepted, asked := map[string]int{}, map[string]int{}
	for n, l := range looks {
		cell := strings.Join([]string{l.cosign, l.layout, strings.Replace(l.command, "verify", "", 1)}, " ")
		asked[cell]++
		switch {
		case errs[n] == nil:
			accepted[cell]++
		case l.cosign != rehearsal.OlderCosign || l.layout != "bundles":
			t.Errorf("%s refuses %s of %s: %v", l.cosign, l.command, l.ref, errs[n])
		case !strings.Contains(errs[n].Error(), "no signatures found") && !strings.Contains(errs[n].Error(), "no matching attestations"):
			t.Errorf("%s does not look for %s of %s: %v", l.cosign, l.command, l.ref, errs[n])
		}
	}
	t.Logf("%d looks", len(looks))
	table := "| | bundles, the default | with `legacy: true` |\n|---|---|---|\n"
	for _, cosign := range rehearsal.Cosigns {
		table += "| cosign " + version(t, j, cosign) + " |"
		for _, layout := range layouts {
			table += " " + verdict(t, cosign, layout, accepted, asked) + " |"
		}
		table += "\n"
	}
	text, err := os.ReadFile(filepath.Join(source, "docs", "signing.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, rest, ok := strings.Cut(string(text), "<!-- verifiers -->\n"); !ok || !strings.HasPrefix(rest, table+"<!-- /verifiers -->") {
		t.Errorf("docs/signing.md says otherwise than\n%s", table)
	}
}

// verdict sums up what a verifier accepts in a layout: all or nothing.
func verdict(t *testing.T, cosign, layout string, accepted, asked map[string]int) string {
	t.Helper()
	yes, all := 0, 0
	for cell, n := range asked {
		if strings.HasPrefix(cell, cosign+" "+layout+" ") {
			yes, all = yes+accepted[cell], all+n
		}
	}
	switch yes {
	case all:
		return "accepts everything"
	case 0:
		return "finds nothing"
	}
	return fmt.Sprintf("accepts %d of %d", yes, all)
}

// version asks a cosign which one it is.
func version(t *testing.T, j *rehearsal.Judges, cosign string) string {
	t.Helper()
	out, err := j.Run(t.Context(), cosign, "version", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ GitVersion string }
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(said.GitVersion, "v")
}

// retag puts a tag on the candidate's index.
func retag(t *testing.T, c candidate, tag string) {
	t.Helper()
	for _, repository := range c.repositories {
		host, _, _ := strings.Cut(repository, "/")
		target, err := name.NewRepository(repository)
		if err != nil {
			t.Fatal(err)
		}
		options := newForger(t, host).options
		index, err := remote.Index(target.Digest(c.digests[0]), options...)
		if err == nil {
			err = remote.Tag(target.Tag(tag), index, options...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLegacyEvidenceOfOthersIsRefused: under the tags as beside bundles, who
// signed counts.
func TestLegacyEvidenceOfOthersIsRefused(t *testing.T) {
	c := push(t, []string{"ghcr.io/acme/matrix", "docker.io/acme/matrix"})
	signAndAttestWith(t, c, map[string]string{"legacy": "true"}, nil)
	evil := rehearsal.NewJudges(world.Env, "v1.2.4")
	for _, repository := range c.repositories {
		for _, cosign := range rehearsal.Cosigns {
			ref := repository + "@" + c.digests[0]
			for command, err := range map[string]error{
				"verify":   evil.Signature(t.Context(), cosign, ref, c.digests[0]),
				"spdxjson": evil.Attestation(t.Context(), cosign, "spdxjson", ref, c.digests[0]),
			} {
				if err == nil || !strings.Contains(err.Error(), "none of the expected identities matched") && !strings.Contains(err.Error(), "no matching CertificateIdentity found") {
					t.Errorf("%s %s %s: %v", cosign, command, ref, err)
				}
			}
		}
	}
}
