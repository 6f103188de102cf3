package rehearsal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

// Transport reaches the names of the local world, and no others.
func (w *World) Transport() (*http.Transport, error) {
	proxy, err := url.Parse(w.Env["HTTPS_PROXY"])
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(w.Env["SSL_CERT_FILE"])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("SSL_CERT_FILE holds no certificate")
	}
	return &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}, nil
}

// Get reads a JSON document from one of the world's APIs into value.
// GitHub's is asked with the token.
func (w *World) Get(ctx context.Context, address string, value any) error {
	transport, err := w.Transport()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if req.URL.Host == "api.github.com" {
		req.Header.Set("Authorization", "Bearer "+w.Env["GITHUB_TOKEN"])
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %s", address, resp.Status, body)
	}
	return json.Unmarshal(body, value)
}
