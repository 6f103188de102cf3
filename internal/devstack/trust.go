package devstack

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	trust "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// trustedRoot returns what verifiers trust, as cosign's --trusted-root takes it.
//
// https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto
func (s *sigstore) trustedRoot() ([]byte, error) {
	rekor, err := s.transparencyLog("http://"+s.rekor, s.rekorKey)
	if err != nil {
		return nil, err
	}
	tiles, err := s.transparencyLog("http://"+s.tiles[0], s.tilesKey)
	if err != nil {
		return nil, err
	}
	ct, err := s.transparencyLog("http://"+s.ctlog, s.ctKey)
	if err != nil {
		return nil, err
	}
	return protojson.MarshalOptions{Multiline: true}.Marshal(&trust.TrustedRoot{
		MediaType:              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		Tlogs:                  []*trust.TransparencyLogInstance{rekor, tiles},
		Ctlogs:                 []*trust.TransparencyLogInstance{ct},
		CertificateAuthorities: []*trust.CertificateAuthority{s.authority("fulcio", "http://"+s.fulcio, s.fulcioChain)},
		TimestampAuthorities:   []*trust.CertificateAuthority{s.authority("timestamp", s.timestampURL(), s.timestampChain)},
	})
}

// signingConfig returns where to sign, as cosign 3's --signing-config takes it,
// with logs of the given versions. cosign 3 takes the newest one only.
func (s *sigstore) signingConfig(versions ...uint32) ([]byte, error) {
	service := func(url string, version uint32) *trust.Service {
		return &trust.Service{Url: url, MajorApiVersion: version, ValidFor: s.validity(), Operator: "devstack"}
	}
	var logs []*trust.Service
	for _, version := range versions {
		logs = append(logs, service("http://"+[]string{s.rekor, s.tiles[0]}[version-1], version))
	}
	anyOne := &trust.ServiceConfiguration{Selector: trust.ServiceSelector_ANY}
	return protojson.MarshalOptions{Multiline: true}.Marshal(&trust.SigningConfig{
		MediaType:       "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		CaUrls:          []*trust.Service{service("http://"+s.fulcio, 1)},
		RekorTlogUrls:   logs,
		RekorTlogConfig: anyOne,
		TsaUrls:         []*trust.Service{service(s.timestampURL(), 1)},
		TsaConfig:       anyOne,
	})
}

func (s *sigstore) timestampURL() string { return "http://" + s.timestamp + "/api/v1/timestamp" }

func (s *sigstore) validity() *common.TimeRange {
	return &common.TimeRange{Start: timestamppb.New(s.from)}
}

func (s *sigstore) transparencyLog(url string, key *ecdsa.PublicKey) (*trust.TransparencyLogInstance, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	// A log's ID is the hash of its key: RFC 6962, 3.2.
	id := sha256.Sum256(der)
	return &trust.TransparencyLogInstance{
		BaseUrl:       url,
		HashAlgorithm: common.HashAlgorithm_SHA2_256,
		PublicKey: &common.PublicKey{
			RawBytes:   der,
			KeyDetails: common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
			ValidFor:   s.validity(),
		},
		LogId: &common.LogId{KeyId: id[:]},
	}, nil
}

func (s *sigstore) authority(name, url string, chain [][]byte) *trust.CertificateAuthority {
	authority := &trust.CertificateAuthority{
		Subject:   &common.DistinguishedName{Organization: ownName, CommonName: "devstack " + name},
		Uri:       url,
		CertChain: &common.X509CertificateChain{},
		ValidFor:  s.validity(),
	}
	for _, der := range chain {
		authority.CertChain.Certificates = append(authority.CertChain.Certificates, &common.X509Certificate{RawBytes: der})
	}
	return authority
}
