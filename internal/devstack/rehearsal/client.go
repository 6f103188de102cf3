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
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
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

// Request is one request that the world's servers saw.
type Request struct {
	Time         time.Time
	Host, Method string
	Path         string
	Status       int // 0 where the connection was cut
	Fault        bool
}

// Requests returns what the world's servers were asked since ClearRequests,
// oldest first.
func (w *World) Requests(ctx context.Context) (log []Request, err error) {
	return log, w.control(ctx, http.MethodGet, "/requests", nil, &log)
}

// ClearRequests forgets what the world's servers were asked.
func (w *World) ClearRequests(ctx context.Context) error {
	return w.control(ctx, http.MethodDelete, "/requests", nil, nil)
}

// FaultLater has a host of the world answer with status all requests by method
// for paths that start with prefix, after the first skip.
func (w *World) FaultLater(ctx context.Context, host, method, prefix string, skip, status int) error {
	return w.control(ctx, http.MethodPost, "/faults", map[string]any{"host": host, "method": method, "path": prefix, "skip": skip, "status": status}, nil)
}

// Delay has a host of the world wait before each answer, as one far away does.
func (w *World) Delay(ctx context.Context, host string, by time.Duration) error {
	return w.control(ctx, http.MethodPost, "/faults", map[string]any{"host": host, "delay": by.String()}, nil)
}

// Silence has a registry of the world answer what it is asked below prefix with 200
// and a listing of nothing.
func (w *World) Silence(ctx context.Context, host, prefix string) error {
	const index = "application/vnd.oci.image.index.v1+json"
	return w.control(ctx, http.MethodPost, "/faults", map[string]any{
		"host": host, "path": prefix, "status": http.StatusOK, "header": map[string]string{"Content-Type": index},
		"body": `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[]}`,
	}, nil)
}

// control asks the world's own control socket.
func (w *World) control(ctx context.Context, method, path string, send, receive any) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(w.Env["DEVSTACK_DIR"], "control.sock"))
	}}
	defer transport.CloseIdleConnections()
	_, err := exchange(ctx, &http.Client{Transport: transport}, method, "http://devstack"+path, "", send, receive)
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
	token := ""
	if strings.HasPrefix(address, "https://api.github.com/") {
		token = w.Env["GITHUB_TOKEN"]
	}
	return exchange(ctx, &http.Client{Transport: transport}, method, address, token, send, receive)
}

// exchange sends one value as JSON and reads another.
func exchange(ctx context.Context, client *http.Client, method, address, token string, send, receive any) (status int, err error) {
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
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
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
