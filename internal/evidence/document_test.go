package evidence_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

const (
	digestA = image.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	digestB = image.Digest("sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
)

func TestADocumentSaysWhatItDescribes(t *testing.T) {
	t.Parallel()
	for predicateType, text := range map[string][]byte{intoto.SPDX: evidencetest.SPDX(digestA), intoto.CycloneDX: evidencetest.CycloneDX(digestA)} {
		d, err := evidence.ParseDocument(text)
		if err != nil || d.Digest != digestA || d.PredicateType != predicateType || !bytes.Equal(d.Text, text) {
			t.Errorf("%s: %s %s, %v", predicateType, d.PredicateType, d.Digest, err)
		}
	}
}

func TestSPDXHasThreeWaysToSayDescribes(t *testing.T) {
	t.Parallel()
	text := string(evidencetest.SPDX(digestA))
	for name, edit := range map[string][2]string{
		"documentDescribes": {`"relationships":[`, `"documentDescribes":["SPDXRef-image"],"relationships":[`},
		"DESCRIBED_BY": {`"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-image"`,
			`"spdxElementId":"SPDXRef-image","relationshipType":"DESCRIBED_BY","relatedSpdxElement":"SPDXRef-DOCUMENT"`},
	} {
		d, err := evidence.ParseDocument([]byte(strings.Replace(text, edit[0], edit[1], 1)))
		if err != nil || d.Digest != digestA {
			t.Errorf("%s: %s, %v", name, d.Digest, err)
		}
	}
}

func TestADocumentThatIsUnclearIsRefused(t *testing.T) {
	t.Parallel()
	spdx, cdx := string(evidencetest.SPDX(digestA)), string(evidencetest.CycloneDX(digestA))
	ofB := "pkg:oci/app@sha256%3A" + digestB.Hex()
	for name, test := range map[string]struct{ text, want string }{
		"nothing":              {"", "JSON"},
		"another document":     {`{"hello":1}`, "neither"},
		"a list":               {`[]`, "not an SBOM"},
		"both at once":         {strings.Replace(cdx, `{`, `{"spdxVersion":"SPDX-2.3",`, 1), "neither"},
		"SPDX 3":               {strings.Replace(spdx, "SPDX-2.3", "SPDX-3.0", 1), "neither"},
		"cut off":              {spdx[:len(spdx)-2], "JSON"},
		"a name twice":         {strings.Replace(cdx, `"purl":`, `"purl":"`+ofB+`","purl":`, 1), "twice"},
		"SPDX of two":          {strings.Replace(spdx, `"relationships":[`, `"documentDescribes":["SPDXRef-musl"],"relationships":[`, 1), "describes 2"},
		"SPDX of none":         {strings.Replace(spdx, `"DESCRIBES"`, `"CONTAINS"`, 1), "describes 0"},
		"SPDX of another part": {strings.Replace(spdx, `"relatedSpdxElement":"SPDXRef-image"`, `"relatedSpdxElement":"SPDXRef-musl"`, 1), "no package URL"},
		"two digests": {strings.Replace(spdx, `{"referenceCategory"`, `{"referenceType":"purl","referenceLocator":"`+ofB+`"},{"referenceCategory"`, 1),
			"both"},
		"CycloneDX of none":        {strings.Replace(cdx, `"purl":`, `"url":`, 1), "no package URL"},
		"a package of Go":          {strings.Replace(cdx, `pkg:oci/`, `pkg:golang/`, 1), "no package URL"},
		"a purl without version":   {strings.Replace(cdx, `@sha256%3A`, `?sha256=`, 1), "digest"},
		"a short digest":           {strings.Replace(cdx, digestA.Hex(), "abc", 1), "digest"},
		"a bad escape":             {strings.Replace(cdx, `%3A`, `%zz`, 1), "escape"},
		"a deep list":              {strings.Replace(cdx, `"components":[`, `"components":[`+strings.Repeat("[", 1<<20), 1), "nested"},
		"components in each other": {strings.Replace(cdx, `"components":[`, `"components":[`+strings.Repeat(`{"components":[`, 1<<20), 1), "nested"},
		"a digest in the name":     {strings.Replace(cdx, `app@sha256%3A`+digestA.Hex(), `app?x=@sha256%3A`+digestA.Hex(), 1), "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := evidence.ParseDocument([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s of %s, %v; want %q", d.PredicateType, d.Digest, err, test.want)
			}
		})
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add(evidencetest.SPDX(digestA))
	f.Add(evidencetest.CycloneDX(digestB))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := evidence.ParseDocument(text)
		if err != nil {
			return
		}
		if _, err := image.ParseDigest(string(d.Digest)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := intoto.New(d.Digest, d.PredicateType, d.Text).Marshal(); err != nil {
			t.Errorf("%s can't be attested: %v", text, err)
		}
	})
}
