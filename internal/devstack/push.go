package devstack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

// pushImages puts images into docker.io: OCI layouts, by reference.
func (d *daemon) pushImages(ctx context.Context, images map[string]string) error {
	proxy, err := url.Parse(d.servers.ProxyURL)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(d.servers.CAPEM)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	credentials := &authn.Basic{Username: d.servers.Credentials.SeedUser, Password: d.servers.Credentials.SeedToken.Reveal()}
	g, ctx := errgroup.WithContext(ctx)
	for reference, dir := range images {
		g.Go(func() error {
			ref, err := name.ParseReference("docker.io/" + reference)
			if err != nil {
				return err
			}
			img, err := openImage(dir)
			if err != nil {
				return err
			}
			if err := remote.Push(ref, img, remote.WithContext(ctx), remote.WithTransport(transport), remote.WithAuth(credentials)); err != nil {
				return fmt.Errorf("push %s: %w", ref, err)
			}
			return nil
		})
	}
	return g.Wait()
}
