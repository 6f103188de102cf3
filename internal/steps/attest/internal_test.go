package attest

import (
	"encoding/json"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

func FuzzParseChecksums(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  a\n")
	f.Add("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef *dist/a b\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		subjects, err := parseChecksums(text)
		if err != nil {
			return
		}
		c := checksums{"sums", subjects}
		if _, err := c.attestation(kindProvenance, intoto.SLSAProvenance, json.RawMessage("{}")).Statement.Marshal(); err != nil {
			t.Errorf("%q can't be attested: %v", text, err)
		}
	})
}

func FuzzScanned(f *testing.F) {
	f.Add([]byte(`{"scanner":{"result":{"ArtifactName":"app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}},"metadata":{}}`))
	f.Add([]byte(`{"scanner":{"result":{"Metadata":{"RepoDigests":["app@sha256:ab"]}}},"metadata":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		digest, err := scanned(text)
		if err != nil || digest == "" {
			return
		}
		if _, err := image.ParseDigest(string(digest)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	})
}
