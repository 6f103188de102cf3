package attest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/attest"
)

var (
	sumA = strings.Repeat("a", 64)
	sumB = strings.Repeat("b", 64)
)

// attestFiles runs the step without an image.
func attestFiles(t *testing.T, w *evidencetest.World, checksums ...string) (attest.Result, error) {
	t.Helper()
	return attest.Run(t.Context(), attest.Config{Checksums: checksums, Provenance: true, OutputDir: t.TempDir()},
		attest.Deps{Open: w.Opener(t, evidencetest.Workflow), Token: sigstoretest.Token(evidencetest.Workflow)})
}

func TestAllFilesOfChecksumsAreAttestedAtOnce(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	before := w.Registries[0].Writes() + w.Registries[1].Writes()
	text := sumA + "  hello_linux_amd64\n" + strings.ToUpper(sumB) + " *dist/hello windows.exe\r\n\n"
	result, err := attestFiles(t, w, file(t, "checksums.txt", text))
	if err != nil || len(result.Bundles) != 1 || filepath.Base(result.Bundles[0]) != "checksums.txt.provenance.sigstore.json" {
		t.Fatalf("%+v, %v", result, err)
	}
	content, err := os.ReadFile(result.Bundles[0])
	if err != nil {
		t.Fatal(err)
	}
	verifier := w.Publisher(t, evidencetest.Workflow).Verifier
	for sum, name := range map[string]string{sumA: "hello_linux_amd64", sumB: "dist/hello windows.exe"} {
		b, err := evidence.Check(verifier, content, image.Digest("sha256:"+sum), evidencetest.Identity())
		if err != nil {
			t.Fatal(err)
		}
		p, err := intoto.ParseProvenance(b.Statement.Predicate)
		if err != nil || p.Commit != sigstoretest.Commit || len(p.Materials) != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		named := false
		for _, s := range b.Statement.Subject {
			named = named || s.Name == name && s.Digest["sha256"] == sum
		}
		if !named || len(b.Statement.Subject) != 2 {
			t.Errorf("subjects %v", b.Statement.Subject)
		}
	}
	if n := w.Registries[0].Writes() + w.Registries[1].Writes() - before; n != 0 {
		t.Errorf("%d requests to write", n)
	}
}

func TestImageAndFilesAreAttestedTogether(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	result, err := attestAs(t, w, attest.Config{
		Provenance: true, Checksums: []string{file(t, "sums", sumA+"  a\n")},
		PredicateType: "https://example.com/review/v1", PredicatePath: file(t, "review.json", `{}`),
	}, nil)
	if err != nil || len(result.Bundles) != 2*len(w.Digests)+2 {
		t.Fatalf("%+v, %v", result, err)
	}
	for n, want := range []string{"sums.provenance.sigstore.json", "sums.predicate.sigstore.json"} {
		if got := filepath.Base(result.Bundles[2*len(w.Digests)+n]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestChecksumsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	many := ""
	for n := range 1025 {
		many += fmt.Sprintf("%064x  %d\n", n, n)
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":           {"\n\n", "it is empty"},
		"no name":           {sumA + "\n", "line 1 is not"},
		"no checksum":       {sumA + "  a\nhello.tar.gz\n", "line 2 is not"},
		"of SHA-512":        {sumA + sumA + "  a\n", "line 1 is not"},
		"of MD5":            {sumA[:32] + "  a\n", "line 1 is not"},
		"by --tag":          {"SHA256 (a) = " + sumA + "\n", "line 1 is not"},
		"an escaped name":   {`\` + sumA + `  a\nb` + "\n", "line 1 is not"},
		"a file twice":      {sumA + "  a\n" + sumB + "  a\n", `line 2 names "a" again`},
		"more than 1024":    {many, "lists 1025 files"},
		"more than 1 MiB":   {strings.Repeat("\n", 1<<20+1), "more than 1 MiB"},
		"another file's":    {"\x7fELF\x00", "line 1 is not"},
		"one blank instead": {sumA + " a\n", "line 1 is not"},
	} {
		_, err := attestFiles(t, w, file(t, "sums", test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || name != "more than 1 MiB" && len(hint.Of(err)) == 0 {
			t.Errorf("%s: %v, mends %q", name, err, hint.Of(err))
		}
	}
	_, err := attestFiles(t, w, file(t, "sums", sumA+"  a\n"), file(t, "sums", sumB+"  b\n"))
	if err == nil || !strings.Contains(err.Error(), "have one name") {
		t.Errorf("two of one name: %v", err)
	}
	if n := w.Sigstore.Entries(); n != 0 {
		t.Errorf("%d signatures were made", n)
	}
}
