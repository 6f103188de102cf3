package sigstore

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/org/release-actions/internal/hint"
)

// Media types of the layers that cosign kept signatures and attestations in
// before it had bundles.
const (
	SimpleSigningMediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	EnvelopeMediaType      = "application/vnd.dsse.envelope.v1+json"
)

// Annotations of such a layer.
//
// https://github.com/sigstore/cosign/blob/v2.6.2/specs/SIGNATURE_SPEC.md#properties
const (
	signatureAnnotation   = "dev.cosignproject.cosign/signature"
	certificateAnnotation = "dev.sigstore.cosign/certificate"
	chainAnnotation       = "dev.sigstore.cosign/chain"
	logEntryAnnotation    = "dev.sigstore.cosign/bundle"
	timestampAnnotation   = "dev.sigstore.cosign/rfc3161timestamp"
)

// legacyBundleType is the media type of the first bundles, whose log entries
// need no proof beside the log's promise. Layers have none.
const legacyBundleType = "application/vnd.dev.sigstore.bundle+json;version=0.1"

// Layer is a signature in the layout that cosign had before bundles: the
// content of a layer in an image manifest, and what its descriptor says.
type Layer struct {
	MediaType   string
	Annotations map[string]string
	Content     []byte // the payload that is signed, or the DSSE envelope
}

// errNoEntry is why a bundle has no legacy layout.
var errNoEntry = hint.New("the bundle has no entry in a Rekor log of version 1, which the layout of cosign's .sig and .att tags needs",
	"sign with \"rekor-version: 1\" or \"1,2\", or leave out \"legacy\"")

// legacyEntry is an entry of the log with the log's promise to keep it.
type legacyEntry struct {
	SignedEntryTimestamp []byte
	Payload              struct {
		Body           []byte `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogIndex       int64  `json:"logIndex"`
		LogID          string `json:"logID"`
	}
}

// legacyTimestamp is what a timestamp authority said.
type legacyTimestamp struct{ SignedRFC3161Timestamp []byte }

// Layer returns the bundle in the legacy layout. It stays the same signature with
// the same log entry, which must be of a log of version 1. Of a message
// signature, payload is what was signed.
func (v *Verifier) Layer(text, payload []byte) (Layer, error) {
	b, err := parse(text)
	if err != nil {
		return Layer{}, err
	}
	l := Layer{MediaType: SimpleSigningMediaType, Content: payload, Annotations: map[string]string{
		// Empty where it is in the envelope.
		signatureAnnotation: base64.StdEncoding.EncodeToString(b.GetMessageSignature().GetSignature()),
	}}
	if envelope := b.GetDsseEnvelope(); envelope != nil {
		l.MediaType = EnvelopeMediaType
		// In the very bytes that sigstore-go sends to the log, which has their hash.
		if l.Content, err = json.Marshal(envelope); err != nil {
			return Layer{}, err
		}
	}
	if err := l.addEntry(b.GetVerificationMaterial().GetTlogEntries()); err != nil {
		return Layer{}, err
	}
	if stamps := b.GetVerificationMaterial().GetTimestampVerificationData().GetRfc3161Timestamps(); len(stamps) > 0 {
		if err := l.annotate(timestampAnnotation, legacyTimestamp{stamps[0].GetSignedTimestamp()}); err != nil {
			return Layer{}, err
		}
	}
	content, err := b.VerificationContent()
	if err != nil {
		return Layer{}, err
	}
	if leaf := content.Certificate(); leaf != nil {
		l.Annotations[certificateAnnotation] = encodePEM(leaf)
		l.Annotations[chainAnnotation] = encodePEM(v.issuers(leaf)...)
	}
	return l, nil
}

// addEntry annotates the layer with the entry that covers its content.
func (l *Layer) addEntry(entries []*protorekor.TransparencyLogEntry) error {
	for _, e := range entries {
		set := e.GetInclusionPromise().GetSignedEntryTimestamp()
		if len(set) == 0 {
			continue // of version 2
		}
		var body struct {
			Spec struct {
				EnvelopeHash struct{ Value string } `json:"envelopeHash"`
			} `json:"spec"`
		}
		if err := json.Unmarshal(e.GetCanonicalizedBody(), &body); err != nil {
			return fmt.Errorf("entry %d of the log: %w", e.GetLogIndex(), err)
		}
		sum := sha256.Sum256(l.Content)
		if l.MediaType == EnvelopeMediaType && body.Spec.EnvelopeHash.Value != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("entry %d of the log has another form of the envelope", e.GetLogIndex())
		}
		entry := legacyEntry{SignedEntryTimestamp: set}
		entry.Payload.Body, entry.Payload.IntegratedTime = e.GetCanonicalizedBody(), e.GetIntegratedTime()
		entry.Payload.LogIndex, entry.Payload.LogID = e.GetLogIndex(), hex.EncodeToString(e.GetLogId().GetKeyId())
		return l.annotate(logEntryAnnotation, entry)
	}
	return errNoEntry
}

func (l *Layer) annotate(name string, value any) error {
	text, err := json.Marshal(value)
	l.Annotations[name] = string(text)
	return err
}

// issuers returns the certificates that lead from leaf to its root, as the
// trusted root has them: older verifiers look for them beside the leaf.
func (v *Verifier) issuers(leaf *x509.Certificate) []*x509.Certificate {
	for _, authority := range v.trusted.FulcioCertificateAuthorities() {
		if chains, err := authority.Verify(leaf, leaf.NotBefore); err == nil && len(chains) > 0 {
			return chains[0][1:]
		}
	}
	return nil
}

func encodePEM(certificates ...*x509.Certificate) string {
	var out bytes.Buffer
	for _, c := range certificates {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return out.String()
}

// Bundle returns the layer as a bundle, which Verify takes, or VerifyMessage with
// the layer's content where that is a payload. What it says is not yet verified.
func (l Layer) Bundle() ([]byte, error) {
	if len(l.Content) > maxBundle {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(l.Content), maxBundle)
	}
	material, err := l.material()
	if err != nil {
		return nil, err
	}
	b := &protobundle.Bundle{MediaType: legacyBundleType, VerificationMaterial: material}
	switch l.MediaType {
	case SimpleSigningMediaType:
		signature, err := base64.StdEncoding.DecodeString(l.Annotations[signatureAnnotation])
		if err != nil || len(signature) == 0 {
			return nil, fmt.Errorf("annotation %s is not a signature in base64", signatureAnnotation)
		}
		sum := sha256.Sum256(l.Content)
		b.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: sum[:]}, Signature: signature,
		}}
	case EnvelopeMediaType:
		envelope := &protodsse.Envelope{}
		if err := json.Unmarshal(l.Content, envelope); err != nil {
			return nil, fmt.Errorf("not a DSSE envelope: %w", err)
		}
		b.Content = &protobundle.Bundle_DsseEnvelope{DsseEnvelope: envelope}
	default:
		return nil, fmt.Errorf("its type is %q", l.MediaType)
	}
	if _, err := bundle.NewBundle(b); err != nil {
		return nil, err
	}
	return protojson.Marshal(b)
}

// material reads who signed and when.
func (l Layer) material() (*protobundle.VerificationMaterial, error) {
	entry, err := l.entry()
	if err != nil {
		return nil, fmt.Errorf("annotation %s: %w", logEntryAnnotation, err)
	}
	m := &protobundle.VerificationMaterial{TlogEntries: []*protorekor.TransparencyLogEntry{entry}}
	if text := l.Annotations[timestampAnnotation]; text != "" {
		var stamp legacyTimestamp
		if err := json.Unmarshal([]byte(text), &stamp); err != nil {
			return nil, fmt.Errorf("annotation %s: %w", timestampAnnotation, err)
		}
		m.TimestampVerificationData = &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamp.SignedRFC3161Timestamp}},
		}
	}
	text, ok := l.Annotations[certificateAnnotation]
	if !ok {
		m.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{}}
		return m, nil
	}
	leaf, rest := pem.Decode([]byte(text))
	if leaf == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("annotation %s is not one certificate", certificateAnnotation)
	}
	// Of the chain to a root the trusted root tells.
	m.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: &protocommon.X509CertificateChain{
		Certificates: []*protocommon.X509Certificate{{RawBytes: leaf.Bytes}},
	}}
	return m, nil
}

func (l Layer) entry() (*protorekor.TransparencyLogEntry, error) {
	var e legacyEntry
	if err := json.Unmarshal([]byte(l.Annotations[logEntryAnnotation]), &e); err != nil {
		return nil, err
	}
	var kind struct{ Kind, APIVersion string }
	if err := json.Unmarshal(e.Payload.Body, &kind); err != nil {
		return nil, fmt.Errorf("its body: %w", err)
	}
	logID, err := hex.DecodeString(e.Payload.LogID)
	if err != nil {
		return nil, fmt.Errorf("its log: %w", err)
	}
	return &protorekor.TransparencyLogEntry{
		LogIndex: e.Payload.LogIndex, LogId: &protocommon.LogId{KeyId: logID}, IntegratedTime: e.Payload.IntegratedTime,
		KindVersion:       &protorekor.KindVersion{Kind: kind.Kind, Version: kind.APIVersion},
		InclusionPromise:  &protorekor.InclusionPromise{SignedEntryTimestamp: e.SignedEntryTimestamp},
		CanonicalizedBody: e.Payload.Body,
	}, nil
}
