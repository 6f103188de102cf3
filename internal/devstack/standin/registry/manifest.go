package registry

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxManifest is the largest manifest taken, in bytes: 4 MiB, as the
// specification advises.
const maxManifest = 4 << 20

var tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// manifest is a manifest or an index, with the fields that the registry needs.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *v1.Descriptor    `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Manifests     []v1.Descriptor   `json:"manifests"`
	Subject       *v1.Descriptor    `json:"subject"`
	Annotations   map[string]string `json:"annotations"`

	mediaType types.MediaType // as it was pushed
	raw       []byte
	pushed    time.Time
}

// parseManifest reads what was pushed with a Content-Type.
func parseManifest(raw []byte, contentType string) (*manifest, *apiError) {
	m := &manifest{raw: raw}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, errManifestInvalid("the manifest is not valid JSON of its kind: %v", err)
	}
	m.mediaType = types.MediaType(contentType)
	if contentType == "" {
		m.mediaType = m.MediaType
	}
	switch {
	case !m.mediaType.IsImage() && !m.mediaType.IsIndex():
		return nil, errManifestInvalid("media type %q is not supported", m.mediaType)
	case m.MediaType != "" && m.MediaType != m.mediaType:
		return nil, errManifestInvalid("mediaType %q differs from Content-Type %q", m.MediaType, m.mediaType)
	case m.SchemaVersion != 2:
		return nil, errManifestInvalid("schemaVersion %d is not 2", m.SchemaVersion)
	case m.mediaType.IsIndex() && (m.Config != nil || m.Layers != nil):
		return nil, errManifestInvalid("an index has neither config nor layers")
	case m.mediaType.IsImage() && (m.Config == nil || m.Manifests != nil):
		return nil, errManifestInvalid("an image manifest has a config and no manifests")
	}
	return m, nil
}

// blobs returns the descriptors of config and layers.
func (m *manifest) blobs() []v1.Descriptor {
	if m.Config == nil {
		return nil
	}
	return append([]v1.Descriptor{*m.Config}, m.Layers...)
}

func (m *manifest) layerSize() int64 {
	var sum int64
	for _, l := range m.Layers {
		sum += l.Size
	}
	return sum
}

func (h *Hub) getManifest(w http.ResponseWriter, r *http.Request, repo, reference string) *apiError {
	digest, m, apiErr := h.store.manifest(repo, reference)
	if apiErr != nil {
		return apiErr
	}
	if !accepts(r.Header.Values("Accept"), m.mediaType) {
		return errorf(http.StatusNotFound, "MANIFEST_UNKNOWN", "%q found, but the Accept header does not allow it", m.mediaType)
	}
	w.Header().Set("Content-Type", string(m.mediaType))
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("ETag", strconv.Quote(digest.String()))
	w.Header().Set("Content-Length", strconv.Itoa(len(m.raw)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(m.raw) // a client that is gone is no concern of the server
	}
	return nil
}

// accepts reports whether an Accept header allows the media type. No header
// allows all.
func accepts(headers []string, mediaType types.MediaType) bool {
	if len(headers) == 0 {
		return true
	}
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "*/*" || name == "application/*" || name == string(mediaType) {
			return true
		}
	}
	return false
}

func (h *Hub) putManifest(w http.ResponseWriter, r *http.Request, repo, reference string) *apiError {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxManifest+1))
	if err != nil {
		return errManifestInvalid("read the manifest: %v", err)
	}
	if len(raw) > maxManifest {
		return errorf(http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", "the manifest is larger than %d bytes", maxManifest)
	}
	m, apiErr := parseManifest(raw, r.Header.Get("Content-Type"))
	if apiErr != nil {
		return apiErr
	}
	digest, _, _ := v1.SHA256(bytes.NewReader(raw)) // a reader of memory does not fail
	tagName := reference
	if strings.Contains(reference, ":") {
		tagName = ""
		if reference != digest.String() {
			return errorf(http.StatusBadRequest, "DIGEST_INVALID", "the manifest's digest is %q, not %q", digest, reference)
		}
	} else if !tagPattern.MatchString(reference) {
		return errorf(http.StatusBadRequest, "TAG_INVALID", "tag %q is invalid", reference)
	}
	if apiErr := h.store.putManifest(repo, tagName, digest, m, h.now()); apiErr != nil {
		return apiErr
	}
	if m.Subject != nil {
		// Tells the client that it need not maintain the fallback tag.
		w.Header().Set("OCI-Subject", m.Subject.Digest.String())
	}
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("Location", "https://"+r.Host+"/v2/"+repo+"/manifests/"+digest.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}
