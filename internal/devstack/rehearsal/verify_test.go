//go:build e2e

package rehearsal_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const (
	signaturePredicate = "https://sigstore.dev/cosign/sign/v1"
	spdxPredicate      = "https://spdx.dev/Document"
)

// verifying returns judges for whom verify looks for signatures of the release,
// under a trusted root.
func verifying(root string) *rehearsal.Judges {
	env := maps.Clone(world.Env)
	env["INPUT_TRUSTED-ROOT"], env["SIGSTORE_TRUSTED_ROOT"], env["INPUT_RETRY-FOR"] = root, root, "5s"
	env["INPUT_REPOSITORY"], env["INPUT_REF"], env["INPUT_ATTESTATIONS"] = "acme/hello", "refs/tags/v1.2.3", "none"
	return rehearsal.NewJudges(env, "v1.2.3")
}

// forgery is a release that somebody made to look like ours.
type forgery struct {
	name string
	// make makes it in the repository to, and returns what is asked for.
	make func(t *testing.T, f *forger, from, to string) (ref, digest string)
	args []string // of verify, beside those of all
	want string   // in what verify says
	// judges of cosign's; nil where those of the world will do.
	judges func(t *testing.T) *rehearsal.Judges
	// blind says that cosign does not look at what was forged.
	blind bool
}

// copied copies the release with its evidence as it is.
func copied(t *testing.T, f *forger, from, to string) (ref, digest string) {
	t.Helper()
	source, target, subjects := f.copyImage(t, from, to, "1.2.3")
	for _, subject := range subjects {
		f.copyEvidence(t, source, target, subject, "")
	}
	return to + ":1.2.3", subjects[0].String()
}

// misplaced copies the image, and gives the image of the second subject the
// evidence of type kind of the subject whose number is from, as a signature.
func misplaced(of int, kind string) func(t *testing.T, f *forger, from, to string) (ref, digest string) {
	return func(t *testing.T, f *forger, from, to string) (ref, digest string) {
		t.Helper()
		source, target, subjects := f.copyImage(t, from, to, "1.2.3")
		described, err := remote.Head(target.Digest(subjects[1].String()), f.options...)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range f.evidence(t, source, subjects[of]) {
			if e.annotations[predicate] == kind {
				e.annotations[predicate] = signaturePredicate
				f.attach(t, target, *described, e.annotations, e.bundle)
			}
		}
		return to + "@" + subjects[1].String(), subjects[1].String()
	}
}

// swappedChild puts another image for a platform into the index.
func swappedChild(t *testing.T, f *forger, from, to string) (ref, digest string) {
	t.Helper()
	source, err := name.ParseReference(from)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(source, f.options...)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := random.Image(1024, 1)
	if err != nil {
		t.Fatal(err)
	}
	amd64 := v1.Platform{OS: "linux", Architecture: "amd64"}
	index = mutate.RemoveManifests(index, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Equals(amd64) })
	index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: theirs, Descriptor: v1.Descriptor{Platform: &amd64}})
	_, subjects := f.push(t, index, to, "1.2.3")
	return to + ":1.2.3", subjects[0].String()
}

// foreignReferrers lists the evidence of the index as the second subject's, by
// the tag that registries without the Referrers API have for it.
func foreignReferrers(t *testing.T, f *forger, from, to string) (ref, digest string) {
	t.Helper()
	source, target, subjects := f.copyImage(t, from, to, "1.2.3")
	f.copyEvidence(t, source, target, subjects[0], "")
	listed, err := remote.Referrers(target.Digest(subjects[0].String()), f.options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Put(target.Tag("sha256-"+subjects[1].Hex), listed, f.options...); err != nil {
		t.Fatal(err)
	}
	return to + "@" + subjects[1].String(), subjects[1].String()
}

// otherLogs are judges who know the world's Sigstore, but other logs.
func otherLogs(t *testing.T) *rehearsal.Judges {
	t.Helper()
	text, err := os.ReadFile(world.Env["SIGSTORE_TRUSTED_ROOT"])
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	for _, log := range root["tlogs"].([]any) {
		id := log.(map[string]any)["logId"].(map[string]any)
		key, err := base64.StdEncoding.DecodeString(id["keyId"].(string))
		if err != nil {
			t.Fatal(err)
		}
		key[0] ^= 1
		id["keyId"] = base64.StdEncoding.EncodeToString(key)
	}
	if text, err = json.Marshal(root); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trusted_root.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return verifying(path)
}

// forgedReleases has verify and cosign look at each forgery on both registries.
func forgedReleases(t *testing.T) {
	t.Helper()
	const ours = "https://github.com/acme/hello/.github/workflows/release.yml@refs/tags/v1.2.3"
	expecting := func(identity string) func(*testing.T) *rehearsal.Judges {
		return func(*testing.T) *rehearsal.Judges {
			return verifying(world.Env["SIGSTORE_TRUSTED_ROOT"]).Expect(identity)
		}
	}
	for _, test := range []forgery{
		{name: "unsigned", want: "signature: there is none", make: func(t *testing.T, f *forger, from, to string) (string, string) {
			t.Helper()
			_, _, subjects := f.copyImage(t, from, to, "1.2.3")
			return to + ":1.2.3", subjects[0].String()
		}},
		{name: "another-repository", make: copied, args: []string{"-repository", "acme/other"}, want: `signed by subject "` + ours,
			judges: expecting(strings.Replace(ours, "acme/hello", "acme/other", 1))},
		{name: "another-workflow", make: copied, args: []string{"-workflow", "other.yml"}, want: `signed by subject "` + ours,
			judges: expecting(strings.Replace(ours, "release.yml", "other.yml", 1))},
		{name: "another-ref", make: copied, args: []string{"-ref", "refs/tags/v1.2.4"}, want: `signed by subject "` + ours, judges: expecting(ours[:len(ours)-1] + "4")},
		{name: "another-issuer", make: copied, args: []string{"-certificate-oidc-issuer", "https://issuer.example"}, want: `not by subject`,
			judges: func(*testing.T) *rehearsal.Judges {
				return verifying(world.Env["SIGSTORE_TRUSTED_ROOT"]).From("https://issuer.example")
			}},
		{name: "another-commit", make: copied, args: []string{"-commit", strings.Repeat("e", 40)}, want: "signed for a run of commit", blind: true},
		{name: "a-missing-platform", make: copied, args: []string{"-platforms", "linux/s390x"}, want: "lacks linux/s390x", blind: true},
		{name: "of-another-digest", make: misplaced(0, signaturePredicate), want: "does not match any digest in statement"},
		{name: "an-sbom-as-signature", make: misplaced(1, spdxPredicate), want: "signature: there is none"},
		{name: "a-swapped-child", make: swappedChild, want: "index: signature: there is none"},
		{name: "a-foreign-referrer", make: foreignReferrers, want: "signature: there is none that counts: bundle sha256:"},
		{name: "an-expired-certificate", make: expired, want: "integrated time outside certificate validity"},
		{name: "a-silent-registry", make: silent, want: "signature: there is none: the registry lists nothing that refers to it"},
		{name: "an-unknown-log", make: copied, want: "not enough verified log entries", judges: otherLogs},
	} {
		for _, host := range []string{"ghcr.io", "docker.io"} {
			t.Run(test.name+" on "+host, func(t *testing.T) {
				if test.name == "a-foreign-referrer" && host == "docker.io" {
					return // its listing is made by the registry
				}
				ref, digest := test.make(t, newForger(t, host), host+"/acme/hello:1.2.3", host+"/acme/"+test.name)
				judges := verifying(world.Env["SIGSTORE_TRUSTED_ROOT"])
				if test.judges != nil {
					judges = test.judges(t)
				}
				_, err := judges.Run(t.Context(), "verify", append(test.args, ref)...)
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "could not be decided") {
					t.Errorf("verify: %v, want %q", err, test.want)
				}
				for _, cosign := range []string{"cosign2", "cosign3"} {
					if err := judges.Signature(t.Context(), cosign, ref, digest); err == nil && !test.blind {
						t.Errorf("%s accepts it", cosign)
					}
				}
			})
		}
	}
}

// verifyGuide runs the commands of docs/verify.md in the world, word for word
// but for the image's name, and looks at the exit codes that it tells.
func verifyGuide(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, "docs", "verify.md"))
	if err != nil {
		t.Fatal(err)
	}
	env := maps.Clone(world.Env)
	env["INPUT_TRUSTED-ROOT"], env["INPUT_RETRY-FOR"] = world.Env["SIGSTORE_TRUSTED_ROOT"], "5s"
	judges := rehearsal.NewJudges(env, "v1.2.3")
	dir := t.TempDir()
	root, err := os.ReadFile(world.Env["SIGSTORE_TRUSTED_ROOT"])
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "trusted_root.json"), root, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^verify (?:.*\\\n)*.*$`).FindAllString(string(text), -1)
	if len(commands) < 8 {
		t.Fatalf("%d commands in the guide", len(commands))
	}
	for _, command := range commands {
		line := strings.NewReplacer("acme/app", "acme/hello", "COMMIT", commitOf(t, judges)).Replace(command)
		out, err := judges.Shell(t.Context(), "cd "+dir+" && "+line)
		if err != nil || !strings.Contains(out, "verified") && !strings.Contains(out, `"results": []`) {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	for _, name := range []string{"sbom-index.spdx.json", "sbom-linux-arm64.cdx.json"} {
		if _, err := os.Stat(filepath.Join(dir, "out", name)); err != nil {
			t.Errorf("the guide extracts no %s: %v", name, err)
		}
	}
	for args, want := range map[string]int{
		"ghcr.io/acme/hello:1.2.3":                         0,
		"ghcr.io/acme/hello:9.9.9":                         1,
		"-ref refs/tags/v9.9.9 ghcr.io/acme/hello:1.2.3":   1,
		"ghcr.io/acme/hello:latest":                        2,
		"-output yaml ghcr.io/acme/hello:1.2.3":            2,
		"-repository acme/hello nowhere.invalid/app:1.2.3": 2,
	} {
		_, err := judges.Run(t.Context(), "verify", strings.Fields(args)...)
		var exit *exec.ExitError
		code := 0
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		if code != want {
			t.Errorf("verify %s: exit %d, want %d: %v", args, code, want, err)
		}
	}
}

// commitOf returns the commit that the release was made of, by its label.
func commitOf(t *testing.T, j *rehearsal.Judges) string {
	t.Helper()
	out, err := j.Run(t.Context(), "crane", "config", "--platform", "linux/amd64", "ghcr.io/acme/hello:1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal([]byte(out), &config); err != nil {
		t.Fatal(err)
	}
	return config.Config.Labels["org.opencontainers.image.revision"]
}
