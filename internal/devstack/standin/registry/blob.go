package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// upload is a blob that is not complete yet. Its lock is held while a chunk is
// read from the client, so that a slow client holds up no other upload.
type upload struct {
	repo string

	mu      sync.Mutex
	content bytes.Buffer
}

func (h *Hub) getBlob(w http.ResponseWriter, r *http.Request, repo, reference string) *apiError {
	digest, err := v1.NewHash(reference)
	if err != nil {
		return errorf(http.StatusBadRequest, "DIGEST_INVALID", "%q is not a digest", reference)
	}
	content, ok := h.store.blob(repo, digest)
	if !ok {
		return errBlobUnknown(reference)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("ETag", strconv.Quote(digest.String()))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content)) // ranges and HEAD too
	return nil
}

// startUpload opens an upload, unless the blob can be mounted from another
// repository that the client may read.
func (h *Hub) startUpload(w http.ResponseWriter, r *http.Request, repo string, token *bearer) *apiError {
	query := r.URL.Query()
	if digest, err := v1.NewHash(query.Get("mount")); err == nil {
		from := query.Get("from")
		if token.allows(from, "pull") && h.store.mount(repo, from, digest) {
			created(w, r, repo, digest)
			return nil
		}
	}
	id := randomID()
	h.mu.Lock()
	h.uploads[id] = &upload{repo: repo}
	h.mu.Unlock()
	uploadHeader(w, r, repo, id, 0)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (h *Hub) upload(repo, id string) (*upload, *apiError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.uploads[id]
	if u == nil || u.repo != repo {
		return nil, errUploadUnknown(id)
	}
	return u, nil
}

func (h *Hub) dropUpload(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.uploads, id)
}

// continueUpload serves an upload's own URL: status, chunk, end, cancel.
func (h *Hub) continueUpload(w http.ResponseWriter, r *http.Request, repo, id string) *apiError {
	u, apiErr := h.upload(repo, id)
	if apiErr != nil {
		return apiErr
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch r.Method {
	case http.MethodGet:
		uploadHeader(w, r, repo, id, u.content.Len())
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPatch:
		if apiErr := u.append(w, r, id); apiErr != nil {
			return apiErr
		}
		uploadHeader(w, r, repo, id, u.content.Len())
		w.WriteHeader(http.StatusAccepted)
		return nil
	case http.MethodPut:
		if apiErr := u.append(w, r, id); apiErr != nil {
			return apiErr
		}
		return h.endUpload(w, r, u, id)
	case http.MethodDelete:
		h.dropUpload(id)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return errUnsupported()
}

// append takes the body as the next chunk.
func (u *upload) append(w http.ResponseWriter, r *http.Request, id string) *apiError {
	if contentRange := r.Header.Get("Content-Range"); contentRange != "" {
		var start, end int
		if _, err := fmt.Sscanf(contentRange, "%d-%d", &start, &end); err != nil || start != u.content.Len() {
			uploadHeader(w, r, u.repo, id, u.content.Len())
			return errorf(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID",
				"range %q does not follow the %d bytes that are here", contentRange, u.content.Len())
		}
	}
	// Room for what is announced, and for the read that finds the end, saves
	// doubling the buffer of a large layer.
	u.content.Grow(int(min(max(r.ContentLength, 0), 1<<30)) + bytes.MinRead)
	if _, err := io.Copy(&u.content, r.Body); err != nil {
		return errorf(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "read the chunk: %v", err)
	}
	return nil
}

func (h *Hub) endUpload(w http.ResponseWriter, r *http.Request, u *upload, id string) *apiError {
	want, err := v1.NewHash(r.URL.Query().Get("digest"))
	if err != nil {
		return errorf(http.StatusBadRequest, "DIGEST_INVALID", "%q is not a digest", r.URL.Query().Get("digest"))
	}
	h.dropUpload(id)
	got, _, _ := v1.SHA256(bytes.NewReader(u.content.Bytes())) // a reader of memory does not fail
	if got != want {
		return errorf(http.StatusBadRequest, "DIGEST_INVALID", "the blob's digest is %q, not %q", got, want)
	}
	h.store.putBlob(u.repo, want, u.content.Bytes())
	created(w, r, u.repo, want)
	return nil
}

func created(w http.ResponseWriter, r *http.Request, repo string, digest v1.Hash) {
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("Location", "https://"+r.Host+"/v2/"+repo+"/blobs/"+digest.String())
	w.WriteHeader(http.StatusCreated)
}

// uploadHeader says where the upload goes on. As on Docker Hub the URL is
// absolute and has a query that the client must keep.
func uploadHeader(w http.ResponseWriter, r *http.Request, repo, id string, size int) {
	state := url.Values{"_state": {id}}
	w.Header().Set("Location", "https://"+r.Host+"/v2/"+repo+"/blobs/uploads/"+id+"?"+state.Encode())
	w.Header().Set("Docker-Upload-UUID", id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
}
