// Package openapi holds what a server of ours takes and answers against the
// published description of the API that it stands in for: every path, method,
// parameter, status and field has to be described, and none that is required
// may be missing.
//
// https://spec.openapis.org/oas/v3.0.3.html
package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Description is a description of an API. It is safe for concurrent use.
type Description struct {
	doc      *openapi3.T
	paths    []path
	refusals []*openapi3.Schema
}

// Parse reads a description in JSON. The refusals are schemas of its components:
// an answer with a status from 400 on that the operation doesn't list has to
// be one of them.
func Parse(text []byte, refusals ...string) (*Description, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	if doc.Paths.Len() == 0 || doc.Components == nil {
		return nil, errors.New("the description has no paths or no components")
	}
	d := &Description{doc: doc, paths: compile(doc.Paths)}
	for _, name := range refusals {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			return nil, fmt.Errorf("the description has no schema %q", name)
		}
		d.refusals = append(d.refusals, schema.Value)
	}
	closeAll(doc)
	return d, nil
}

// Judge reports what next takes or answers and the description doesn't have,
// before the client has the answer. What next refuses may be wrong in any way.
func (d *Description) Judge(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params := d.find(r)
		sent, err := d.readBody(r, route)
		answer := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(answer, r)
		if err == nil {
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(sent))
			if r.Header.Get("Content-Type") == "" { // servers take it for JSON then
				r.Header.Set("Content-Type", "application/json")
			}
			if err := d.judge(r, route, params, answer); err != nil {
				report(fmt.Errorf("%s %s, answered %d: %w", r.Method, r.URL.Path, answer.status, err))
			}
		}
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()) // a client that is gone is no concern of the server
	})
}

// readBody reads the body of a request that is described as JSON, and lets the
// handler read it again.
func (d *Description) readBody(r *http.Request, route *routers.Route) ([]byte, error) {
	if !takesJSON(route) {
		return nil, nil
	}
	sent, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(sent), failing{err}))
	return sent, err
}

// failing is the end of a body that could not be read to its end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func takesJSON(route *routers.Route) bool {
	return route != nil && route.Operation.RequestBody != nil && route.Operation.RequestBody.Value.Content.Get("application/json") != nil
}

func (d *Description) judge(r *http.Request, route *routers.Route, params map[string]string, answer *recorder) error {
	accepted := answer.status < http.StatusBadRequest
	if route == nil {
		if accepted {
			return errors.New("there is no such operation")
		}
		return d.judgeRefusal(answer)
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true, MultiError: true,
		ExcludeRequestBody: !takesJSON(route), IncludeResponseStatus: true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails()},
	}
	request := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	var errs []error
	if accepted {
		errs = append(errs, openapi3filter.ValidateRequest(r.Context(), request), undescribed(r, route))
	}
	if !accepted && route.Operation.Responses.Status(answer.status) == nil {
		return d.judgeRefusal(answer)
	}
	return errors.Join(append(errs, judgeAnswer(r.Context(), request, answer))...)
}

func judgeAnswer(ctx context.Context, request *openapi3filter.RequestValidationInput, answer *recorder) error {
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: answer.status, Header: answer.header, Options: request.Options,
	}
	return openapi3filter.ValidateResponse(ctx, response.SetBodyBytes(answer.body.Bytes()))
}

// undescribed tells of query parameters that the operation doesn't have.
func undescribed(r *http.Request, route *routers.Route) error {
	var errs []error
	for name := range r.URL.Query() {
		described := func(all openapi3.Parameters) bool { return all.GetByInAndName(openapi3.ParameterInQuery, name) != nil }
		if !described(route.Operation.Parameters) && !described(route.PathItem.Parameters) {
			errs = append(errs, fmt.Errorf("there is no parameter %q", name))
		}
	}
	return errors.Join(errs...)
}

// judgeRefusal looks at an error that any operation may answer with.
func (d *Description) judgeRefusal(answer *recorder) error {
	var body any
	if err := json.Unmarshal(answer.body.Bytes(), &body); err != nil {
		return fmt.Errorf("the error is no JSON: %w", err)
	}
	var errs []error
	for _, schema := range d.refusals {
		err := schema.VisitJSON(body, openapi3.VisitAsResponse(), openapi3.DisableSchemaErrorDetails())
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// closeAll has objects of the description take no fields but those it names.
// It leaves that open, as descriptions do, except where it says otherwise.
func closeAll(doc *openapi3.T) {
	seen := map[*openapi3.Schema]bool{}
	content := func(c openapi3.Content) {
		for _, media := range c {
			closeSchema(media.Schema, seen)
		}
	}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.RequestBody != nil {
				content(operation.RequestBody.Value.Content)
			}
			for _, response := range operation.Responses.Map() {
				content(response.Value.Content)
			}
		}
	}
	for _, schema := range doc.Components.Schemas {
		closeSchema(schema, seen)
	}
}

func closeSchema(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	// What is put together of several schemas has the fields of all.
	if len(s.Properties) > 0 && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		no := false
		s.AdditionalProperties.Has = &no
	}
	closeSchema(s.Items, seen)
	closeSchema(s.AdditionalProperties.Schema, seen)
	for _, property := range s.Properties {
		closeSchema(property, seen)
	}
	for _, one := range slices.Concat(s.AnyOf, s.OneOf) {
		closeSchema(one, seen)
	}
}
