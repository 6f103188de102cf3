package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone is no concern of the server
}

// fail sends a basic-error or, with the status 422, a validation-error.
func fail(w http.ResponseWriter, status int, message string) {
	e := object{"message": message, "documentation_url": docsURL}
	if status != http.StatusUnprocessableEntity {
		e["status"] = strconv.Itoa(status)
	}
	send(w, status, e)
}

func notFound(w http.ResponseWriter) { fail(w, http.StatusNotFound, "Not Found") }

// invalid sends a validation-error. The code is missing_field, already_exists,
// invalid, or custom with a message.
// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
func invalid(w http.ResponseWriter, resource, field, code, message string) {
	e := object{"resource": resource, "field": field, "code": code}
	if message != "" {
		e["message"] = message
	}
	send(w, http.StatusUnprocessableEntity, object{
		"message": "Validation Failed", "errors": []object{e}, "documentation_url": docsURL,
	})
}

// decode reads a JSON body; it answers and returns false if that fails. An
// empty body is an empty object.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(r.Body).Decode(v)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return true
	case errors.As(err, &wrongType):
		fail(w, http.StatusUnprocessableEntity,
			fmt.Sprintf("Invalid request.\n\nFor 'properties/%s', a %s is not a %s.", wrongType.Field, wrongType.Value, wrongType.Type))
	default:
		fail(w, http.StatusBadRequest, "Problems parsing JSON")
	}
	return false
}
