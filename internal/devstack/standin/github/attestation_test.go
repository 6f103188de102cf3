package github_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/org/release-actions/internal/devstack/standin/github"
)

const (
	attestations = "https://api.github.com/repos/acme/hello/attestations"
	digest       = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// bundle returns what is looked at of a Sigstore bundle, about digest.
func bundle(predicateType string) string {
	statement := fmt.Sprintf(`{"subject":[{"digest":{"sha256":%q}}],"predicateType":%q}`, strings.TrimPrefix(digest, "sha256:"), predicateType)
	return bundleOf(statement)
}

func bundleOf(statement string) string {
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"dsseEnvelope":{"payload":%q}}`,
		base64.StdEncoding.EncodeToString([]byte(statement)))
}

func (w *world) attest(bundle string) (status int, answer map[string]any) {
	w.t.Helper()
	return w.call(http.MethodPost, attestations, write, `{"bundle":`+bundle+`}`)
}

func list(answer map[string]any) []map[string]any {
	var found []map[string]any
	all, _ := answer["attestations"].([]any)
	for _, a := range all {
		found = append(found, a.(map[string]any))
	}
	return found
}

func TestAttestationsAreFoundByDigestAndType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"https://slsa.dev/provenance/v1", "https://spdx.dev/Document", "https://example.com/review"} {
		if status, answer := w.attest(bundle(kind)); status != http.StatusCreated || answer["id"] == nil {
			t.Fatalf("%d %v", status, answer)
		}
	}
	for query, want := range map[string]int{
		"": 3, "?predicate_type=provenance": 1, "?predicate_type=sbom": 1, "?predicate_type=https://example.com/review": 1, "?predicate_type=release": 0,
	} {
		_, answer := w.call(http.MethodGet, attestations+"/"+digest+query, read, "")
		if found := list(answer); len(found) != want {
			t.Errorf("%q: %d attestations, want %d", query, len(found), want)
		}
	}
	if status, answer := w.call(http.MethodGet, "https://api.github.com/orgs/acme/attestations/"+digest, read, ""); status != http.StatusOK || len(list(answer)) != 3 {
		t.Errorf("of the owner: %d %v", status, answer)
	}
	if status, _ := w.call(http.MethodGet, attestations+"/"+strings.Replace(digest, "0", "1", 1), read, ""); status != http.StatusNotFound {
		t.Errorf("of another digest: %d", status)
	}
}

func TestABundleIsFetchedFromItsSignedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := bundle("https://slsa.dev/provenance/v1")
	w.attest(want)
	_, answer := w.call(http.MethodGet, attestations+"/"+digest, read, "")
	inline, err := json.Marshal(list(answer)[0]["bundle"])
	if err != nil || len(inline) != len(want) {
		t.Errorf("inline it is %s, %v", inline, err)
	}
	address, _ := list(answer)[0]["bundle_url"].(string)
	for name, test := range map[string]struct {
		address, token string
		status         int
	}{
		"as it is":         {address, "", http.StatusOK},
		"with a token":     {address, read, http.StatusBadRequest},
		"without its sign": {address[:strings.Index(address, "?")], "", http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.token != "" {
			req.Header.Set("Authorization", "Bearer "+test.token)
		}
		resp, err := w.RoundTrip(req)
		if err != nil || resp.StatusCode != test.status || req.URL.Host != github.BundlesHost {
			t.Fatalf("%s: %v, %v", name, resp, err)
		}
		content, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := snappy.Decode(nil, content); test.status == http.StatusOK && (err != nil || string(got) != want) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestAttestationsComeInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 5 {
		w.attest(bundle(fmt.Sprintf("https://example.com/%d", n)))
	}
	seen := map[any]bool{}
	next := attestations + "/" + digest + "?per_page=2"
	pages := 0
	for ; next != ""; pages++ {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, next, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", "test")
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		for _, a := range list(answer) {
			seen[a["bundle_url"]] = true
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
	}
	if pages != 3 || len(seen) != 5 {
		t.Errorf("%d attestations on %d pages", len(seen), pages)
	}
}

func TestWhatIsNoAttestationIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	twice := `{"name":"a","digest":{"sha256":"ab"}}`
	for name, body := range map[string]string{
		"no bundle":          `{}`,
		"no envelope":        `{"bundle":{"messageSignature":{}}}`,
		"no statement":       `{"bundle":` + bundleOf("text") + `}`,
		"no subject":         `{"bundle":` + bundleOf(`{"subject":[]}`) + `}`,
		"one twice":          `{"bundle":` + bundleOf(`{"subject":[`+twice+`,`+twice+`]}`) + `}`,
		"too many of them":   `{"bundle":` + bundleOf(`{"subject":[`+manySubjects(1025)+`]}`) + `}`,
		"a bundle of a list": `{"bundle":[]}`,
	} {
		if status, answer := w.call(http.MethodPost, attestations, write, body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	for token, want := range map[string]int{read: http.StatusForbidden, "": http.StatusUnauthorized} {
		if status, answer := w.call(http.MethodPost, attestations, token, `{"bundle":`+bundle("p")+`}`); status != want {
			t.Errorf("with the token %q: %d %v", token, status, answer)
		}
	}
}

func manySubjects(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"digest":{"sha256":"%d"}}`, i))
	}
	return strings.Join(all, ",")
}
