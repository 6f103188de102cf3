package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an error of the protocol.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%s: %s", e.code, e.message) }

func (e *apiError) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	// A client that is gone is no concern of the server.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]string{{"code": e.code, "message": e.message}},
	})
}

func errorf(status int, code, format string, args ...any) *apiError {
	return &apiError{status, code, fmt.Sprintf(format, args...)}
}

func errNameUnknown(name string) *apiError {
	return errorf(http.StatusNotFound, "NAME_UNKNOWN", "repository %q is not known to the registry", name)
}

func errManifestUnknown(reference string) *apiError {
	return errorf(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest %q is unknown", reference)
}

func errBlobUnknown(digest string) *apiError {
	return errorf(http.StatusNotFound, "BLOB_UNKNOWN", "blob %q is unknown to the registry", digest)
}

func errUploadUnknown(id string) *apiError {
	return errorf(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "upload %q is unknown", id)
}

func errUnsupported() *apiError {
	return errorf(http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
}

func errManifestInvalid(format string, args ...any) *apiError {
	return errorf(http.StatusBadRequest, "MANIFEST_INVALID", format, args...)
}
