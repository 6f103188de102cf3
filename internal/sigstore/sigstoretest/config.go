package sigstoretest

import (
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"google.golang.org/protobuf/encoding/protojson"
)

func (i *Instance) log(id []byte, url string, key crypto.PublicKey) *root.TransparencyLog {
	return &root.TransparencyLog{
		BaseURL: url, ID: id, HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256,
		PublicKey: key, ValidityPeriodStart: time.Now().Add(-time.Hour),
	}
}

// WriteTrustedRoot writes the instance's trusted root, as changed by change
// where that isn't nil, and returns the file.
func (i *Instance) WriteTrustedRoot(tb testing.TB, change func(*prototrustroot.TrustedRoot)) string {
	tb.Helper()
	start := time.Now().Add(-time.Hour)
	var authorities []root.TimestampingAuthority
	for n, service := range []*Service{i.Timestamp, i.SecondTimestamp} {
		a := i.authorities[n]
		authorities = append(authorities, &root.SigstoreTimestampingAuthority{
			Root: a.root, Intermediates: []*x509.Certificate{a.ca}, Leaf: a.leaf, URI: service.URL, ValidityPeriodStart: start,
		})
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{&root.FulcioCertificateAuthority{
			Root: i.rootCert, Intermediates: []*x509.Certificate{i.caCert}, URI: i.Fulcio.URL, ValidityPeriodStart: start,
		}},
		nil, authorities, map[string]*root.TransparencyLog{
			hex.EncodeToString(i.logID):    i.log(i.logID, i.Rekor.URL, i.rekorKey.Public()),
			hex.EncodeToString(i.tiles.id): i.log(i.tiles.id, i.Tiles.URL, i.tiles.key.Public()),
		})
	if err != nil {
		tb.Fatal(err)
	}
	text := marshal(tb, trusted)
	if change != nil {
		var described prototrustroot.TrustedRoot
		if err := protojson.Unmarshal(text, &described); err != nil {
			tb.Fatal(err)
		}
		change(&described)
		if text, err = protojson.Marshal(&described); err != nil {
			tb.Fatal(err)
		}
	}
	return write(tb, "trusted_root.json", text)
}

// WriteSigningConfig writes a signing config that names the logs of the given
// major API versions, and returns the file.
func (i *Instance) WriteSigningConfig(tb testing.TB, versions ...uint32) string {
	tb.Helper()
	return i.ChangeSigningConfig(tb, func(*prototrustroot.SigningConfig) {}, versions...)
}

// ChangeSigningConfig does as WriteSigningConfig, with what change makes of it.
func (i *Instance) ChangeSigningConfig(tb testing.TB, change func(*prototrustroot.SigningConfig), versions ...uint32) string {
	tb.Helper()
	var logs []root.Service
	for _, version := range versions {
		logs = append(logs, at([]string{i.Rekor.URL, i.Tiles.URL}[version-1], version, "test"))
	}
	anyOne := root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	config, err := root.NewSigningConfig(root.SigningConfigMediaType02,
		[]root.Service{at(i.Fulcio.URL, 1, "test")}, nil, logs, anyOne, []root.Service{at(i.Timestamp.URL, 1, "test")}, anyOne)
	if err != nil {
		tb.Fatal(err)
	}
	described, err := root.NewSigningConfigProtobuf(marshal(tb, config))
	if err != nil {
		tb.Fatal(err)
	}
	change(described)
	text, err := protojson.Marshal(described)
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, "signing_config.json", text)
}

// Authorities returns the timestamp authorities, of different operators, as a
// signing config names them.
func (i *Instance) Authorities() []*prototrustroot.Service {
	return []*prototrustroot.Service{
		at(i.Timestamp.URL, 1, "test").ToServiceProtobuf(), at(i.SecondTimestamp.URL, 1, "another").ToServiceProtobuf(),
	}
}

func at(url string, version uint32, operator string) root.Service {
	return root.Service{URL: url, MajorAPIVersion: version, ValidityPeriodStart: time.Now().Add(-time.Hour), Operator: operator}
}

func marshal(tb testing.TB, value json.Marshaler) []byte {
	tb.Helper()
	text, err := value.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func write(tb testing.TB, name string, text []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
