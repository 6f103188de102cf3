package standin_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/devstack/standin/fault"
)

// start runs the stand-ins over a plain registry and returns a client's
// transport: the proxy and the certificate authority, nothing else.
func start(t *testing.T, o standin.Options) (*standin.Servers, *http.Transport) {
	t.Helper()
	backend := httptest.NewServer(registry.New(registry.Logger(discard)))
	t.Cleanup(backend.Close)
	o.Dir, o.GHCRBackend = t.TempDir(), backend.URL
	servers, err := standin.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	proxy, err := url.Parse(servers.ProxyURL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(servers.CAPEM) {
		t.Fatal("the authority's certificate does not parse")
	}
	transport := &http.Transport{
		Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return servers, transport
}

func get(t *testing.T, transport http.RoundTripper, target string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

func TestProxyServesTheRealNames(t *testing.T) {
	t.Parallel()
	_, transport := start(t, standin.Options{})
	for target, want := range map[string]int{
		"https://ghcr.io/v2/":                                                          http.StatusUnauthorized,
		"https://index.docker.io/v2/":                                                  http.StatusUnauthorized,
		"https://registry-1.docker.io/v2/":                                             http.StatusUnauthorized,
		"https://docker.io/v2/":                                                        http.StatusMovedPermanently,
		"https://auth.docker.io/token":                                                 http.StatusOK,
		"https://hub.docker.com/v2/repositories/acme/hello/":                           http.StatusNotFound,
		"https://api.github.com/repos/acme/hello":                                      http.StatusOK,
		"https://uploads.github.com/":                                                  http.StatusNotFound,
		"https://github.com/acme/hello/releases/latest/download/x":                     http.StatusNotFound,
		"https://token.actions.githubusercontent.com/.well-known/openid-configuration": http.StatusOK,
	} {
		if status, body := get(t, transport, target); status != want {
			t.Errorf("GET %s = %d %s, want %d", target, status, body, want)
		}
	}
}

func TestProxyRefusesOtherNamesAndSaysWhich(t *testing.T) {
	t.Parallel()
	servers, transport := start(t, standin.Options{})
	for _, target := range []string{"https://example.com/x", "https://ghcr.io:8443/v2/", "https://ghcr.io.example.com/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
			t.Errorf("GET %s went through the proxy", target)
		}
	}
	// A plain request shows the body, which transports drop for CONNECT.
	status, body := get(t, transport, "http://plain.example.com/x")
	if status != http.StatusForbidden || !strings.Contains(body, `"plain.example.com"`) {
		t.Errorf("plain request = %d %q, want 403 with the host's name", status, body)
	}
	refused := map[string]bool{}
	for _, r := range servers.Faults.Requests() {
		if r.Status == http.StatusForbidden {
			refused[r.Host] = true
		}
	}
	if !refused["example.com"] || !refused["plain.example.com"] {
		t.Errorf("refused hosts in the log: %v", refused)
	}
}

func TestCallerAddsHosts(t *testing.T) {
	t.Parallel()
	_, transport := start(t, standin.Options{Hosts: map[string]http.Handler{
		"Fulcio.example.com": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "mine") }),
	}})
	if status, body := get(t, transport, "https://fulcio.example.com/"); status != http.StatusOK || body != "mine" {
		t.Errorf("added host = %d %q", status, body)
	}
}

func TestCertificateIsWrittenAndKeyIsNot(t *testing.T) {
	t.Parallel()
	servers, _ := start(t, standin.Options{})
	content, err := os.ReadFile(servers.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != string(servers.CAPEM) || strings.Contains(string(content), "PRIVATE") {
		t.Errorf("CA file holds %q", content)
	}
}

func TestCloseEndsOpenConnections(t *testing.T) {
	t.Parallel()
	servers, transport := start(t, standin.Options{})
	get(t, transport, "https://api.github.com/repos/acme/hello")
	if err := servers.Close(); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.github.com/repos/acme/hello", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := transport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("a request went through after Close")
	}
}

func TestFaultsReachEveryStandIn(t *testing.T) {
	t.Parallel()
	servers, transport := start(t, standin.Options{})
	if err := servers.Faults.Add(fault.Rule{Status: http.StatusServiceUnavailable, Count: 2}); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, transport, "https://ghcr.io/v2/"); status != http.StatusServiceUnavailable {
		t.Errorf("ghcr.io = %d, want 503", status)
	}
	if status, _ := get(t, http.DefaultTransport, servers.IDTokenRequestURL); status != http.StatusServiceUnavailable {
		t.Errorf("token endpoint = %d, want 503", status)
	}
	if status, _ := get(t, transport, "https://ghcr.io/v2/"); status != http.StatusUnauthorized {
		t.Errorf("ghcr.io after the faults = %d, want 401", status)
	}
}

func TestTokenAndAPIAgreeOnTheRepository(t *testing.T) {
	t.Parallel()
	const commit = "00000000000000000000000000000000000000aa"
	servers, transport := start(t, standin.Options{Repository: "Org/App", Commit: commit})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, servers.IDTokenRequestURL+"&audience=sigstore", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+servers.Credentials.IDTokenRequestToken.Reveal())
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.Value, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	_, body := get(t, transport, "https://api.github.com/repos/Org/App")
	var repo struct {
		ID    json.Number
		Name  string `json:"full_name"`
		Owner struct{ ID json.Number }
	}
	if err := json.Unmarshal([]byte(body), &repo); err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]string{
		"repository": repo.Name, "repository_id": repo.ID.String(), "repository_owner_id": repo.Owner.ID.String(), "sha": commit,
	} {
		if claims[claim] != want {
			t.Errorf("claim %s is %v, the API says %s", claim, claims[claim], want)
		}
	}
}

func TestStartNamesBadOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options standin.Options
		want    string
	}{
		"repository": {standin.Options{Repository: "hello"}, `"hello" is not owner/name`},
		"commit":     {standin.Options{Commit: "HEAD"}, `"HEAD" is not a SHA`},
		"claim":      {standin.Options{Claims: map[string]string{"reff": "x"}}, `"reff" is not a claim`},
		"backend":    {standin.Options{GHCRBackend: "127.0.0.1:5000"}, `"127.0.0.1:5000" is not a URL`},
		"directory":  {standin.Options{Dir: "/nonexistent"}, "/nonexistent/ca.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.options.Dir == "" {
				tc.options.Dir = t.TempDir()
			}
			_, err := standin.Start(t.Context(), tc.options)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
