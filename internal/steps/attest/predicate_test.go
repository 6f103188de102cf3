package attest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/attest"
)

const stranger = image.Digest("sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")

// file writes a file and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// report is what trivy writes with --format cosign-vuln, less what isn't read.
func report(artifact string, repoDigests ...string) string {
	digests, _ := json.Marshal(repoDigests)
	return fmt.Sprintf(`{"invocation":{"parameters":null,"uri":"","event_id":"","builder.id":""},
 "scanner":{"uri":"pkg:github/aquasecurity/trivy@0.69.3","version":"0.69.3","db":{"uri":"","version":""},
  "result":{"SchemaVersion":2,"ArtifactName":%q,"Metadata":{"RepoDigests":%s},"Results":[]}},
 "metadata":{"scanStartedOn":"2026-01-02T03:04:05Z","scanFinishedOn":"2026-01-02T03:04:06Z"}}`, artifact, digests)
}

func TestAReportIsAttestedToTheImageThatItNames(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	reports := []string{
		file(t, "amd64.json", report("ghcr.io/acme/app@"+string(w.Digests[1]))),
		file(t, "arm64.json", report("ghcr.io/acme/app:1.2.3", "ghcr.io/acme/app@"+string(w.Digests[2]))),
	}
	result, err := attestAs(t, w, attest.Config{Reports: reports}, nil)
	if err != nil || len(result.Bundles) != 2 || filepath.Base(result.Bundles[1]) != w.Digests[2].Hex()+".vuln.sigstore.json" {
		t.Fatalf("%+v, %v", result, err)
	}
	for n := range w.Registries {
		for m, want := range []int{0, 1, 1, 0} {
			if got := len(found(t, w, n, w.Digests[m], intoto.Vulnerabilities)); got != want {
				t.Errorf("registry %d, digest %d: %d reports, want %d", n, m, got, want)
			}
		}
	}
}

func selection(t *testing.T, text string) (s attest.Selection) {
	t.Helper()
	if err := s.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAReportThatNamesNoImageIsOfTheSelectedOne(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	cfg := attest.Config{Reports: []string{file(t, "report.json", report("layout"))}, Subjects: selection(t, "linux/arm64")}
	if _, err := attestAs(t, w, cfg, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(found(t, w, 0, w.Digests[2], intoto.Vulnerabilities)); n != 1 {
		t.Errorf("%d reports", n)
	}
}

func TestAPredicateOfOnesOwnIsAttested(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	const review = "https://example.com/review/v1"
	cfg := attest.Config{PredicateType: review, PredicatePath: file(t, "review.json", ` {"by":"ann","ok":true}`)}
	for range 2 {
		result, err := attestAs(t, w, cfg, nil)
		if err != nil || len(result.Bundles) != 4 || filepath.Base(result.Bundles[0]) != w.Digests[0].Hex()+".predicate.sigstore.json" {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	for n := range w.Registries {
		for _, d := range w.Digests {
			if statements := found(t, w, n, d, review); len(statements) != 1 || string(statements[0].Predicate) != `{"by":"ann","ok":true}` {
				t.Errorf("%s has %v", d, statements)
			}
		}
	}
}

func TestFilesThatSayNothingClearAreRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	const review = "https://example.com/review/v1"
	of := func(d image.Digest) string { return report("ghcr.io/acme/app@" + string(d)) }
	big := file(t, "big.json", `{"x":"`+strings.Repeat("x", 16<<20)+`"}`)
	for name, test := range map[string]struct {
		cfg  attest.Config
		want string
	}{
		"a report of another image":      {attest.Config{Reports: []string{file(t, "a", of(stranger))}}, "neither the image nor one of its platforms"},
		"a report of what isn't meant":   {attest.Config{Subjects: selection(t, "index"), Reports: []string{file(t, "a", of(w.Digests[1]))}}, "no vulnerability report is about"},
		"a report of no image":           {attest.Config{Reports: []string{file(t, "a", report("app:1"))}}, "doesn't tell which image"},
		"two reports of one image":       {attest.Config{Reports: []string{file(t, "a", of(w.Digests[1])), file(t, "b", of(w.Digests[1]))}}, "are both about"},
		"a report of a short digest":     {attest.Config{Reports: []string{file(t, "a", report("app@sha256:abc"))}}, `it is about "app@sha256:abc"`},
		"a report of a scanner's own":    {attest.Config{Reports: []string{file(t, "a", `{"SchemaVersion":2,"ArtifactName":"app"}`)}}, `no "scanner"`},
		"a report with two names":        {attest.Config{Reports: []string{file(t, "a", `{"scanner":{},"scanner":{},"metadata":{}}`)}}, "twice"},
		"a report that isn't there":      {attest.Config{Reports: []string{"/nowhere.json"}}, "/nowhere.json"},
		"a predicate that isn't there":   {attest.Config{PredicateType: review, PredicatePath: "/nowhere.json"}, "/nowhere.json"},
		"a predicate of a list":          {attest.Config{PredicateType: review, PredicatePath: file(t, "a", `[]`)}, "not a JSON object"},
		"a predicate that is cut off":    {attest.Config{PredicateType: review, PredicatePath: file(t, "a", `{"a":1`)}, "predicate"},
		"a predicate that is too large":  {attest.Config{PredicateType: review, PredicatePath: big}, "more than 16 MiB"},
		"a predicate with a name twice":  {attest.Config{PredicateType: review, PredicatePath: file(t, "a", `{"a":1,"a":2}`)}, "twice"},
		"a directory as a predicate":     {attest.Config{PredicateType: review, PredicatePath: t.TempDir()}, "predicate"},
		"checksums that aren't there":    {attest.Config{Provenance: true, Checksums: []string{"/nowhere.txt"}}, "/nowhere.txt"},
		"everything at once, to be told": {attest.Config{Reports: []string{"/nowhere.json"}, SBOMs: []string{"/noSBOM.json"}, Checksums: []string{"/nowhere.txt"}}, "/noSBOM.json"},
	} {
		_, err := attestAs(t, w, test.cfg, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if n := w.Sigstore.Entries(); n != 0 {
		t.Errorf("%d signatures were made", n)
	}
}

func TestInputsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	for want, cfg := range map[string]attest.Config{
		`neither "images" nor "checksums"`:            {Provenance: true},
		`nothing to say of the image`:                 {Images: w.Images},
		`nothing to say of the files in "checksums"`:  {Checksums: []string{"x"}},
		`"images" is missing`:                         {Checksums: []string{"x"}, Provenance: true, SBOMs: []string{"y"}},
		`and "subjects" are of an image`:              {Checksums: []string{"x"}, Provenance: true, Subjects: selection(t, "index")},
		`only one of "predicate-type" and`:            {Images: w.Images, Provenance: true, PredicateType: "https://example.com"},
		`"review" is not a URI`:                       {Images: w.Images, PredicateType: "review", PredicatePath: "x"},
		`"https://" is not a URI`:                     {Images: w.Images, PredicateType: "https://", PredicatePath: "x"},
		`"push-to-github" and "key" are both given`:   {Images: w.Images, Provenance: true, PushToGitHub: true, Sigstore: sigstore.Instance{Trust: sigstore.Trust{Key: "cosign.key"}}},
		`cosign/sign/v1" is not for`:                  {Images: w.Images, PredicateType: intoto.CosignSign, PredicatePath: "x"},
		`spdx.dev/Document" is not for`:               {Images: w.Images, PredicateType: intoto.SPDX, PredicatePath: "x"},
		`have different digests`:                      {Images: append(w.Images[:1:1], w.Registries[1].Repository.Pin(stranger)), Provenance: true},
		`"trusted-root" is given without "signing-co`: {Images: w.Images, Provenance: true, Sigstore: withoutConfig(w)},
	} {
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("got %v, mends %q, want %q", err, hint.Of(err), want)
		}
	}
	for _, good := range []attest.Config{
		{Images: w.Images, Provenance: true},
		{Images: w.Images, SBOMs: []string{"x"}},
		{Images: w.Images, PredicateType: "urn:example:review", PredicatePath: "x"},
		{Checksums: []string{"x"}, Provenance: true},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	var s attest.Selection
	if err := s.UnmarshalText([]byte("linux")); err == nil || len(hint.Of(err)) == 0 {
		t.Errorf("%v, mends %q", err, hint.Of(err))
	}
}

func withoutConfig(w *evidencetest.World) sigstore.Instance {
	return sigstore.Instance{Trust: w.Trust()}
}
