package openapi_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/openapi"
)

// shop is the description of an API with one kind of thing.
const shop = `{
  "openapi": "3.0.3", "info": {"title": "shop", "version": "1"},
  "paths": {
    "/things": {
      "get": {
        "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/thing"}}}}}}
      },
      "post": {
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}},
        "responses": {
          "201": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
          "422": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}}
        }
      }
    },
    "/things/latest": {"get": {"responses": {"204": {"description": ""}}}},
    "/things/{id}": {"get": {
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
      "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}}}
    }},
    "/things/{id}/file": {"post": {
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
      "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
      "responses": {"204": {"description": ""}}
    }},
    "/refs/{ref}": {"get": {
      "parameters": [{"name": "ref", "in": "path", "required": true, "x-multi-segment": true, "schema": {"type": "string"}}],
      "responses": {"204": {"description": ""}}
    }}
  },
  "components": {"schemas": {
    "thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string", "nullable": true}, "maker": {"$ref": "#/components/schemas/maker"}, "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
    "maker": {"type": "object", "properties": {"login": {"type": "string"}}},
    "error": {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}
  }}
}`

func TestWhatIsNotDescribedIsReported(t *testing.T) {
	t.Parallel()
	d, err := openapi.Parse([]byte(shop), "error")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		request, body string
		status        int
		answer        string
		want          string // "" for nothing
	}{
		"as described":         {"GET /things?page=2", "", 200, `[{"id":1,"name":null,"maker":{"login":"a"},"labels":{"any":"thing"}}]`, ""},
		"created":              {"POST /things", `{"name":"a"}`, 201, `{"id":1}`, ""},
		"literal first":        {"GET /things/latest", "", 204, "", ""},
		"with slashes":         {"GET /refs/tags/v1", "", 204, "", ""},
		"escaped":              {"GET /refs/tags%2Fv1", "", 204, "", ""},
		"binary":               {"POST /things/1/file", "content", 204, "", ""},
		"refused":              {"POST /things", `{"nmae":1}`, 422, `{"message":"no"}`, ""},
		"refused to all":       {"GET /things/1", "", 403, `{"message":"no"}`, ""},
		"refused, not found":   {"GET /nothing", "", 404, `{"message":"no"}`, ""},
		"other path":           {"GET /nothing", "", 200, `{}`, "no such operation"},
		"other method":         {"PUT /things", "", 200, `{}`, "no such operation"},
		"other parameter":      {"GET /things?size=2", "", 200, `[]`, `no parameter "size"`},
		"wrong parameter":      {"GET /things?page=x", "", 200, `[]`, `"page"`},
		"wrong path parameter": {"GET /things/x", "", 200, `{"id":1}`, `"id"`},
		"other field sent":     {"POST /things", `{"name":"a","nmae":1}`, 201, `{"id":1}`, `"nmae" is unsupported`},
		"missing field sent":   {"POST /things", `{}`, 201, `{"id":1}`, `"name" is missing`},
		"nothing sent":         {"POST /things", "", 201, `{"id":1}`, "required"},
		"other field":          {"GET /things/1", "", 200, `{"id":1,"di":1}`, `"di" is unsupported`},
		"other field, deeper":  {"GET /things", "", 200, `[{"id":1,"maker":{"name":"a"}}]`, `"name" is unsupported`},
		"missing field":        {"GET /things/1", "", 200, `{}`, `"id" is missing`},
		"wrong type":           {"GET /things/1", "", 200, `{"id":"1"}`, "integer"},
		"null":                 {"GET /things/1", "", 200, `{"id":null}`, "nullable"},
		"no JSON":              {"GET /things/1", "", 200, `<html>`, "decode"},
		"other status":         {"GET /things/1", "", 202, `{"id":1}`, "status is not supported"},
		"other error":          {"GET /things/1", "", 403, `{"massage":"no"}`, `"massage" is unsupported`},
		"error without JSON":   {"GET /things/1", "", 403, `no`, "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reported []error
			var got string
			h := d.Judge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := make([]byte, len(test.body))
				n, _ := r.Body.Read(text)
				got = string(text[:n])
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.answer))
			}), func(err error) { reported = append(reported, err) })
			method, target, _ := strings.Cut(test.request, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(test.body))
			if strings.HasPrefix(test.body, "{") {
				r.Header.Set("Content-Type", "application/json")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status || w.Body.String() != test.answer || got != test.body {
				t.Errorf("the handler has %q, and the client %d %q", got, w.Code, w.Body)
			}
			switch {
			case test.want == "" && len(reported) > 0:
				t.Errorf("reported %v", reported)
			case test.want != "" && (len(reported) != 1 || !strings.Contains(reported[0].Error(), test.want) || !strings.HasPrefix(reported[0].Error(), method+" /")):
				t.Errorf("reported %v, want %q", reported, test.want)
			}
		})
	}
}

func TestReducedDescriptionIsWhole(t *testing.T) {
	t.Parallel()
	text, err := openapi.Reduce([]byte(shop), regexp.MustCompile(`^/things/\{id\}$`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openapi.Parse(text); err != nil {
		t.Error(err)
	}
	for part, want := range map[string]bool{`"maker"`: true, `"error"`: false, `/things/{id}"`: true, `/latest`: false} {
		if strings.Contains(string(text), part) != want {
			t.Errorf("%s is there: %v\n%s", part, !want, text)
		}
	}
	for _, bad := range []struct{ text, keep string }{{"", "."}, {shop, "^/nothing"}, {strings.Replace(shop, "schemas/maker", "schemas/absent", 1), "."}} {
		if _, err := openapi.Reduce([]byte(bad.text), regexp.MustCompile(bad.keep)); err == nil {
			t.Errorf("%s of %.20q is no error", bad.keep, bad.text)
		}
	}
}

func TestBadDescriptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, schema string }{{"", "error"}, {"[]", "error"}, {shop, "absent"}} {
		if _, err := openapi.Parse([]byte(test.text), test.schema); err == nil {
			t.Errorf("%.20q with %q is taken", test.text, test.schema)
		}
	}
}
