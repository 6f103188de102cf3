package sigstore

import (
	"context"
	"slices"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"golang.org/x/sync/errgroup"
)

// witnesses are the logs and timestamp authorities that see a signature: all
// at once, where sign.Bundle would ask one after the other.
type witnesses struct {
	signer     *Signer
	logs       []*sign.RekorOptions // without their clients
	timestamps []string
}

// witnesses returns those of a signature that is entered in logs of versions.
func (s *Signer) witnesses(versions RekorVersions) witnesses {
	w := witnesses{signer: s, timestamps: s.services.timestamps}
	for _, version := range versions {
		for _, url := range s.services.logs[version] {
			w.logs = append(w.logs, &sign.RekorOptions{BaseURL: url, Version: version})
		}
	}
	return w
}

// GetTransparencyLogEntry implements sign.Transparency.
func (w witnesses) GetTransparencyLogEntry(ctx context.Context, verifier []byte, b *protobundle.Bundle) error {
	entries := make([][]*protorekor.TransparencyLogEntry, len(w.logs))
	stamps := make([]*protocommon.RFC3161SignedTimestamp, len(w.timestamps))
	g, ctx := errgroup.WithContext(ctx)
	for n, log := range w.logs {
		g.Go(func() error {
			// A copy, since an entry is appended to what the bundle has.
			own := &protobundle.Bundle{Content: b.Content, VerificationMaterial: &protobundle.VerificationMaterial{Content: b.GetVerificationMaterial().GetContent()}}
			client := w.signer.client(ctx, "rekor")
			log.Client = &rekor{ctx: ctx, base: log.BaseURL, client: client}
			log.ClientV2 = &tiles{base: log.BaseURL, client: client}
			if err := sign.NewRekor(log).GetTransparencyLogEntry(ctx, verifier, own); err != nil {
				return err
			}
			entries[n] = own.GetVerificationMaterial().GetTlogEntries()
			return nil
		})
	}
	for n, url := range w.timestamps {
		g.Go(func() error {
			authority := sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{
				URL: url, Timeout: -1, Transport: w.signer.client(ctx, "timestamp authority").Transport,
			})
			stamp, err := authority.GetTimestamp(ctx, signatureOf(b))
			stamps[n] = &protocommon.RFC3161SignedTimestamp{SignedTimestamp: stamp}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b.VerificationMaterial.TlogEntries = slices.Concat(entries...)
	if len(stamps) > 0 {
		b.VerificationMaterial.TimestampVerificationData = &protobundle.TimestampVerificationData{Rfc3161Timestamps: stamps}
	}
	return nil
}

func signatureOf(b *protobundle.Bundle) []byte {
	if message := b.GetMessageSignature(); message != nil {
		return message.GetSignature()
	}
	return b.GetDsseEnvelope().GetSignatures()[0].GetSig()
}
