package verify_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/verify"
)

// run of the workflow that signs.
var released = intoto.Run{
	Server: "https://github.com", Repository: "acme/app", Ref: "refs/tags/v1.2.3", SHA: sigstoretest.Commit,
	WorkflowRef: evidencetest.Workflow, JobWorkflowRef: evidencetest.Workflow, ID: "1", Attempt: "1",
}

// provenance is the claim that run made d.
func provenance(t *testing.T, d image.Digest, run intoto.Run) evidence.Claim {
	t.Helper()
	p, err := intoto.NewProvenance(run)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.Predicate()
	if err != nil {
		t.Fatal(err)
	}
	return evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.SLSAProvenance, text)}
}

// attach signs a claim as a job of workflow, whose token has further claims, and
// attaches it in both registries.
func attach(t *testing.T, w *evidencetest.World, c evidence.Claim, workflow string, further ...map[string]string) {
	t.Helper()
	signer, err := sigstore.NewSigner(t.Context(), sigstore.Instance{SigningConfig: w.Sigstore.SigningConfig}, sigstoretest.Token(workflow, further...), time.Second,
		sigstore.Options{Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Statement.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signer.Sign(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	for n := range w.Registries {
		w.Attach(t, n, c.Digest, c.Statement.PredicateType, bundle)
	}
}

// withProvenance asks for it beside all the rest.
func withProvenance(w *evidencetest.World) verify.Config {
	c := config(w)
	c.Attestations = append(c.Attestations, verify.Kind{PredicateType: intoto.SLSAProvenance})
	return c
}

func TestProvenanceIsOfTheRunThatSigned(t *testing.T) {
	t.Parallel()
	w := release(t)
	for _, d := range w.Digests {
		attach(t, w, provenance(t, d, released), evidencetest.Workflow)
	}
	for name, edit := range map[string]func(*verify.Policy){
		"the identity": func(*verify.Policy) {},
		"the parts": func(p *verify.Policy) {
			*p = verify.Policy{Repository: "acme/app", Ref: "refs/tags/v1.2.3", Commit: sigstoretest.Commit, Issuer: p.Issuer}
		},
		"the tag's version": func(p *verify.Policy) { *p = verify.Policy{Repository: "acme/app", Issuer: p.Issuer} },
	} {
		c := withProvenance(w)
		edit(&c.Policy)
		result, err := run(t, w, c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(string(result.Report), "commit "+sigstoretest.Commit+" of https://github.com/acme/app at refs/tags/v1.2.3") {
			t.Errorf("%s: the commit is not reported: %s", name, result.Report)
		}
	}
}

func TestTheGitTagOfAVersionMayHaveNoV(t *testing.T) {
	t.Parallel()
	bare := strings.Replace(evidencetest.Workflow, "v1.2.3", "1.2.3", 1)
	w := evidencetest.New(t)
	for _, r := range w.Registries {
		r.Tag(t, w.Digests[0], "1.2.3")
	}
	c := config(w)
	c.Attestations, c.Policy = nil, verify.Policy{Repository: "acme/app", Issuer: sigstoretest.Issuer}
	for n, d := range w.Digests {
		if n == 2 { // of one image, all have to be of one tag
			attach(t, w, claim(d, intoto.CosignSign), evidencetest.Workflow)
		}
		attach(t, w, claim(d, intoto.CosignSign), bare)
	}
	result, err := run(t, w, c)
	if err != nil || !strings.Contains(string(result.Report), `"expected":{"subject":"`+sigstoretest.Subject(bare)) {
		t.Errorf("%v: %s", err, result.Report)
	}
	c.Policy.Ref = "refs/tags/v1.2.3"
	refused(t, w, c, "index: signature", `signed by subject "`+sigstoretest.Subject(bare))
}

func TestFalseProvenanceIsRefused(t *testing.T) {
	t.Parallel()
	const other = "acme/app/.github/workflows/other.yml@refs/tags/v1.2.3"
	for name, test := range map[string]struct {
		edit func(*intoto.Run)
		want string
	}{
		"of another repository": {func(r *intoto.Run) {
			r.Repository, r.WorkflowRef = "acme/evil", strings.Replace(r.WorkflowRef, "acme/app", "acme/evil", 1)
		}, `its repository is "https://github.com/acme/evil", and its certificate`},
		"at another ref": {func(r *intoto.Run) {
			r.Ref, r.WorkflowRef = "refs/heads/main", strings.Replace(r.WorkflowRef, "refs/tags/v1.2.3", "refs/heads/main", 1)
		}, `its ref is "refs/heads/main"`},
		"of another commit":     {func(r *intoto.Run) { r.SHA = strings.Repeat("e", 40) }, `its commit is "eeee`},
		"of another workflow":   {func(r *intoto.Run) { r.WorkflowRef = other }, `its workflow is "https://github.com/` + other},
		"by another builder":    {func(r *intoto.Run) { r.JobWorkflowRef = other }, `its builder is "https://github.com/` + other},
		"of another run":        {func(r *intoto.Run) { r.ID = "2" }, `its invocation is "https://github.com/acme/app/actions/runs/2`},
		"of another workflow's": {nil, `its build type is "https://example.com/make"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := release(t)
			for _, d := range w.Digests {
				run := released
				if test.edit != nil {
					test.edit(&run)
				}
				c := provenance(t, d, run)
				if test.edit == nil {
					c.Statement.Predicate = []byte(strings.ReplaceAll(string(c.Statement.Predicate), intoto.WorkflowBuildType, "https://example.com/make"))
				}
				attach(t, w, c, evidencetest.Workflow)
			}
			refused(t, w, withProvenance(w), "provenance: there is none that counts", test.want)
		})
	}
}

// reusable is a workflow of another repository, which acme/app calls.
const reusable = "acme/shared/.github/workflows/build.yml@refs/heads/main"

func caller(repository, ref string) map[string]string {
	return map[string]string{"repository": repository, "ref": ref, "workflow_ref": repository + "/.github/workflows/release.yml@" + ref}
}

func TestTheCallerOfAReusableWorkflowIsChecked(t *testing.T) {
	t.Parallel()
	const ref = "refs/tags/v1.2.3"
	for name, test := range map[string]struct {
		claims map[string]string
		want   string
	}{
		"ours":              {caller("acme/app", ref), ""},
		"of another caller": {caller("evil/app", ref), `signed for a run of "https://github.com/evil/app", not of "https://github.com/acme/app"`},
		"at another ref":    {caller("acme/app", "refs/heads/main"), `signed for a run at "refs/heads/main", not at "refs/tags/v1.2.3"`},
		"of another commit": {map[string]string{"sha": strings.Repeat("e", 40), "repository": "acme/app", "ref": ref}, "signed for a run of commit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := evidencetest.New(t)
			for _, r := range w.Registries {
				r.Tag(t, w.Digests[0], "1.2.3")
			}
			for _, d := range w.Digests {
				attach(t, w, claim(d, intoto.CosignSign), reusable, test.claims)
			}
			c := config(w)
			c.Attestations = nil
			c.Policy = verify.Policy{Repository: "acme/app", Workflow: reusable, Commit: sigstoretest.Commit, Issuer: sigstoretest.Issuer}
			if test.want == "" {
				if _, err := run(t, w, c); err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, w, c, test.want)
		})
	}
}

func TestWhatIsVerifiedIsExtracted(t *testing.T) {
	t.Parallel()
	w := release(t, intoto.CycloneDX)
	for n, d := range w.Digests {
		run := released
		if n == 1 {
			run.SHA = strings.Repeat("e", 40)
		}
		attach(t, w, provenance(t, d, run), evidencetest.Workflow)
	}
	c := withProvenance(w)
	c.Extract = filepath.Join(t.TempDir(), "a", "b")
	result, err := run(t, w, c)
	if err == nil {
		t.Fatal("verified")
	}
	want := []string{
		"provenance-index.json", "provenance-linux-arm-v7.json", "provenance-linux-arm64.json",
		"sbom-index.spdx.json", "sbom-linux-amd64.spdx.json", "sbom-linux-arm-v7.spdx.json", "sbom-linux-arm64.spdx.json",
	}
	entries, err := os.ReadDir(c.Extract)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || len(result.Files) != len(want) {
		t.Errorf("wrote %q, says %q", got, result.Files)
	}
	text, err := os.ReadFile(filepath.Join(c.Extract, "sbom-linux-arm64.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := evidence.ParseDocument(text); err != nil || d.Digest != w.Digests[2] {
		t.Errorf("it is about %s, %v", d.Digest, err)
	}
	c.Extract = filepath.Join(c.Extract, want[0], "no-folder")
	if _, err := run(t, w, c); err == nil || !strings.Contains(err.Error(), `input "extract"`) {
		t.Errorf("a folder that can't be: %v", err)
	}
}

func TestOtherAttestationsAreAskedForByType(t *testing.T) {
	t.Parallel()
	const custom = "https://example.com/reviewed/v1"
	w := release(t)
	c := config(w)
	for text, name := range map[string]string{custom: custom, "vuln": "vulnerabilities"} {
		var kind verify.Kind
		if err := kind.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		c.Attestations = []verify.Kind{kind}
		refused(t, w, c, name+": there is none")
		for _, d := range w.Digests {
			attach(t, w, evidence.Claim{Digest: d, Statement: intoto.New(d, kind.PredicateType, json.RawMessage(`{"by":"octocat"}`))}, evidencetest.Workflow)
		}
		if _, err := run(t, w, c); err != nil {
			t.Error(err)
		}
	}
}
