package rehearsal

import (
	"bytes"
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
	_, err := w.do(ctx, http.MethodGet, address, nil, value)
	return err
}

// PushTag makes GitHub's repository have tag at commit, as git push --force does.
func (w *World) PushTag(ctx context.Context, tag, commit string) error {
	refs := "https://api.github.com/repos/" + Repository + "/git/refs"
	status, err := w.do(ctx, http.MethodPost, refs, map[string]any{"ref": "refs/tags/" + tag, "sha": commit}, nil)
	if status == http.StatusUnprocessableEntity {
		_, err = w.do(ctx, http.MethodPatch, refs+"/tags/"+tag, map[string]any{"sha": commit, "force": true}, nil)
	}
	return err
}

func (w *World) do(ctx context.Context, method, address string, send, receive any) (status int, err error) {
	transport, err := w.Transport()
	if err != nil {
		return 0, err
	}
	var body []byte
	if send != nil {
		if body, err = json.Marshal(send); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if req.URL.Host == "api.github.com" {
		req.Header.Set("Authorization", "Bearer "+w.Env["GITHUB_TOKEN"])
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("%s %s answered %s: %s", method, address, resp.Status, answer)
	}
	if receive == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(answer, receive)
}
