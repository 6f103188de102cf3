package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/org/release-actions/internal/parallel"
)

// Issuer is the OIDC issuer that certificates must name.
const Issuer = "https://token.actions.githubusercontent.com"

// signatureTypes are what cosign calls an image's signature that is a bundle, and
// one under a .sig tag. cosign verify exits 0 for an image that carries only an
// SBOM, so judges ask for the type.
var signatureTypes = []string{"https://sigstore.dev/cosign/sign/v1", "cosign container image signature"}

// OlderCosign is a verifier that finds no bundles.
const OlderCosign = "cosign262"

// Cosigns are all verifiers that users have.
var Cosigns = []string{OlderCosign, "cosign2", "cosign3"}

// Verdict is what one program said of one claim.
type Verdict struct {
	Program string
	Claim   string
	Err     error // nil where the program agrees
}

// String returns a line for people.
func (v Verdict) String() string {
	if v.Err != nil {
		return fmt.Sprintf("✗ %-9s %s: %v", v.Program, v.Claim, v.Err)
	}
	return fmt.Sprintf("✓ %-9s %s", v.Program, v.Claim)
}

// Judges run other people's programs in the local world.
type Judges struct {
	env      []string
	path     string
	identity string
	issuer   string
	key      string // a public key's file, in the place of identity
	cosigns  []string
	root     string
	older    func() ([]string, error) // olderTrust, once
}

// NewJudges returns judges that are logged in to both registries of the world
// with the environment env, and expect the identity of the release workflow at
// tag.
func NewJudges(env map[string]string, tag string) *Judges {
	j := &Judges{
		path:     env["PATH"],
		identity: "https://github.com/" + Repository + "/" + Workflow + "@refs/tags/" + tag,
		issuer:   Issuer,
		cosigns:  Cosigns[1:],
		root:     env["SIGSTORE_TRUSTED_ROOT"],
		older:    sync.OnceValues(func() ([]string, error) { return olderTrust(env["SIGSTORE_TRUSTED_ROOT"], env["DEVSTACK_DIR"]) }),
	}
	vars := maps.Clone(env)
	vars["DOCKER_CONFIG"], vars["HOME"] = env["DEVSTACK_DOCKER_CONFIG"], env["DEVSTACK_DIR"]
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		// A cosign that finds the runner's token would rather sign with it.
		if !strings.HasPrefix(name, "ACTIONS_") && !strings.HasPrefix(name, "SIGSTORE_") {
			j.env = append(j.env, name+"="+vars[name])
		}
	}
	return j
}

// Expect returns judges that expect another identity in the certificates.
func (j *Judges) Expect(identity string) *Judges {
	other := *j
	other.identity = identity
	return &other
}

// From returns judges that expect another issuer in the certificates.
func (j *Judges) From(issuer string) *Judges {
	other := *j
	other.issuer = issuer
	return &other
}

// Keyed returns judges that expect what the key pair signed whose public key is in a
// file.
func (j *Judges) Keyed(public string) *Judges {
	other := *j
	other.key = public
	return &other
}

// By returns judges that have these cosigns in the place of those that find bundles.
func (j *Judges) By(cosigns ...string) *Judges {
	other := *j
	other.cosigns = cosigns
	return &other
}

// Run runs one of the judges' programs and returns its standard output.
func (j *Judges) Run(ctx context.Context, program string, args ...string) (string, error) {
	return j.run(ctx, nil, program, args...)
}

// cosign runs a cosign to verify ref, with default flags.
func (j *Judges) cosign(ctx context.Context, cosign, command, ref string, args ...string) (string, error) {
	by := []string{"--certificate-identity", j.identity, "--certificate-oidc-issuer", j.issuer}
	if j.key != "" {
		by = []string{"--key", j.key}
	}
	args = slices.Concat([]string{command}, by, []string{ref}, args)
	if cosign != OlderCosign {
		return j.run(ctx, nil, cosign, append(args, "--trusted-root", j.root)...)
	}
	trust, err := j.older()
	if err != nil {
		return "", err
	}
	return j.run(ctx, trust, cosign, args...)
}

func (j *Judges) run(ctx context.Context, env []string, program string, args ...string) (string, error) {
	path, err := lookPath(program, j.path)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = slices.Concat(j.env, env), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Shell runs a command line as a person would who pasted it, with the judges'
// environment.
func (j *Judges) Shell(ctx context.Context, line string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+line)
	cmd.Env = j.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// Digest resolves a reference with crane.
func (j *Judges) Digest(ctx context.Context, ref string) (string, error) {
	out, err := j.Run(ctx, "crane", "digest", ref)
	return strings.TrimSpace(out), err
}

// Tags lists the tags of a repository with crane, none where there is no such
// repository, and without those that hold referrers.
func (j *Judges) Tags(ctx context.Context, repository string) ([]string, error) {
	out, err := j.Run(ctx, "crane", "ls", repository)
	if err != nil && strings.Contains(err.Error(), "NAME_UNKNOWN") {
		return nil, nil
	}
	return slices.DeleteFunc(strings.Fields(out), func(tag string) bool { return strings.HasPrefix(tag, "sha256-") }), err
}

// Platforms returns the digests of an index by platform, as crane sees them.
func (j *Judges) Platforms(ctx context.Context, ref string) (map[string]string, error) {
	out, err := j.Run(ctx, "crane", "manifest", ref)
	if err != nil {
		return nil, err
	}
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
			Platform    struct{ OS, Architecture, Variant string }
		}
	}
	if err := json.Unmarshal([]byte(out), &index); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, m := range index.Manifests {
		if m.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			found[strings.TrimSuffix(m.Platform.OS+"/"+m.Platform.Architecture+"/"+m.Platform.Variant, "/")] = m.Digest
		}
	}
	return found, nil
}

// Signature has cosign verify the signature of ref, with default flags.
func (j *Judges) Signature(ctx context.Context, cosign, ref, digest string) error {
	out, err := j.cosign(ctx, cosign, "verify", ref, "-o", "json")
	if err != nil {
		return err
	}
	var found []struct {
		Critical struct {
			Type  string
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return err
	}
	signatures := 0
	for _, f := range found {
		if slices.Contains(signatureTypes, f.Critical.Type) && f.Critical.Image.Digest == digest {
			signatures++
		}
	}
	if signatures != 1 {
		return fmt.Errorf("%d signatures of %s, want 1", signatures, digest)
	}
	return nil
}

// Attestation has cosign verify the attestations of one type that ref carries.
func (j *Judges) Attestation(ctx context.Context, cosign, kind, ref, digest string) error {
	out, err := j.cosign(ctx, cosign, "verify-attestation", ref, "--type", kind)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		var envelope struct{ Payload []byte }
		var statement struct {
			Subject []struct{ Digest map[string]string }
		}
		if json.Unmarshal([]byte(line), &envelope) == nil && json.Unmarshal(envelope.Payload, &statement) == nil {
			if len(statement.Subject) == 1 && "sha256:"+statement.Subject[0].Digest["sha256"] == digest {
				return nil
			}
		}
	}
	return errors.New("no statement about " + digest)
}

// Judge asks crane and the cosigns about a release: that every repository has
// the tag, at one digest, with these platforms; that the tag and every platform
// is signed once, and has an SPDX and a CycloneDX document and provenance.
func (j *Judges) Judge(ctx context.Context, repositories []string, tag string, platforms []string) []Verdict {
	var verdicts []Verdict
	digest := ""
	type claim struct {
		program, text string
		check         func(context.Context) error
	}
	var claims []claim
	for _, repository := range repositories {
		ref := repository + ":" + tag
		got, err := j.Digest(ctx, ref)
		if err == nil && digest != "" && got != digest {
			err = fmt.Errorf("it is %s elsewhere", digest)
		}
		digest = got
		verdicts = append(verdicts, Verdict{"crane", ref + " is " + got, err})
		if err != nil {
			continue
		}
		found, err := j.Platforms(ctx, ref)
		if names := slices.Sorted(maps.Keys(found)); err == nil && !slices.Equal(names, slices.Sorted(slices.Values(platforms))) {
			err = fmt.Errorf("it has %v", names)
		}
		verdicts = append(verdicts, Verdict{"crane", ref + " has " + strings.Join(platforms, ", "), err})
		found["the index, by tag"] = digest
		for _, cosign := range j.cosigns {
			for _, name := range slices.Sorted(maps.Keys(found)) {
				d := found[name]
				at := repository + "@" + d
				if d == digest {
					at = ref
				}
				claims = append(claims, claim{cosign, "signature       " + repository + " " + name, func(ctx context.Context) error { return j.Signature(ctx, cosign, at, d) }})
				for _, kind := range []string{"spdxjson", "cyclonedx", "slsaprovenance1"} {
					claims = append(claims, claim{cosign, fmt.Sprintf("%-15s %s %s", kind, repository, name),
						func(ctx context.Context) error { return j.Attestation(ctx, cosign, kind, at, d) }})
				}
			}
		}
	}
	results := make([]Verdict, len(claims))
	_ = parallel.Each(claims, func(n int, c claim) error { // a verdict says what went wrong
		results[n] = Verdict{c.program, c.text, c.check(ctx)}
		return nil
	})
	return append(verdicts, results...)
}
