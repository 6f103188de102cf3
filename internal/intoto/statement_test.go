package intoto_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

const digest = image.Digest("sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

const signature = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}],` +
	`"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`

func TestSignatureIsWrittenAsCosignDoes(t *testing.T) {
	t.Parallel()
	got, err := intoto.Signature(digest).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != signature {
		t.Errorf("got  %s\nwant %s", got, signature)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	want := intoto.New(digest, intoto.SPDX, json.RawMessage(`{ "b": 1.50, "a": "<&>", "n": 12345678901234567890 }`))
	text, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `{"b":1.50,"a":"<&>","n":12345678901234567890}`) {
		t.Errorf("the predicate was changed: %s", text)
	}
	got, err := intoto.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if !got.About(digest) || !got.SamePredicate(want) || got.PredicateType != intoto.SPDX {
		t.Errorf("got %+v", got)
	}
}

func TestSamePredicateComparesValues(t *testing.T) {
	t.Parallel()
	base := intoto.New(digest, intoto.SPDX, json.RawMessage(`{"a":1,"b":[true]}`))
	for predicate, want := range map[string]bool{
		`{"b": [true], "a": 1}`: true,
		`{"a":1,"b":[false]}`:   false,
		`{"a":1.0,"b":[true]}`:  false,
		`{"a":1}`:               false,
		`{"a":1,"b":[true]`:     false,
	} {
		if got := base.SamePredicate(intoto.New(digest, intoto.SPDX, json.RawMessage(predicate))); got != want {
			t.Errorf("%s: got %v, want %v", predicate, got, want)
		}
	}
	if base.SamePredicate(intoto.New(digest, intoto.CycloneDX, base.Predicate)) {
		t.Error("another predicate type is the same")
	}
}

func TestAboutIsExact(t *testing.T) {
	t.Parallel()
	s := intoto.Signature(digest)
	if s.About("") || s.About(image.Digest(strings.Replace(string(digest), "0", "1", 1))) {
		t.Error("a statement is about a digest that it doesn't name")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string][2]string{
		"another type":               {`Statement/v1`, `Statement/v0.2`},
		"another's type":             {`in-toto.io/Statement/v1`, `in-toto.io/Link/v1`},
		"a deep predicate":           {`"predicate":{}`, `"predicate":{"a":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + `}`},
		"a predicate without an end": {`"predicate":{}}`, `"predicate":` + strings.Repeat(`{"a":`, 1<<20)},
		"no type":                    {`"_type":"https://in-toto.io/Statement/v1",`, ``},
		"an unknown name":            {`"predicate":{}`, `"predicate":{},"more":1`},
		"a name in other letters":    {`"predicate":{}`, `"predicate":{},"PredicateType":"https://spdx.dev/Document"`},
		"a name twice":               {`"predicate":{}`, `"predicate":{},"predicate":{}`},
		"a name twice inside":        {`"predicate":{}`, `"predicate":{"a":{"b":1,"b":2}}`},
		"no subject":                 {`[{"digest":{"sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}]`, `[]`},
		"a subject without a digest": {`"digest":{"sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}`, `"digest":{}`},
		"an upper-case digest":       {`abcdef"`, `ABCDEF"`},
		"a short digest":             {`abcdef"`, `"`},
		"an unknown subject field":   {`"digest":{`, `"Digest":{},"digest":{`},
		"no predicate type":          {`https://sigstore.dev/cosign/sign/v1`, ``},
		"a predicate of null":        {`"predicate":{}`, `"predicate":null`},
		"a predicate of text":        {`"predicate":{}`, `"predicate":"{}"`},
		"text behind the end":        {`"predicate":{}}`, `"predicate":{}} {}`},
		"an early end":               {`"predicate":{}}`, `"predicate":{}`},
		"nothing":                    {signature, ``},
		"a list":                     {signature, `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(signature, edit[0], edit[1], 1)
			if text == signature {
				t.Fatal("the edit changes nothing")
			}
			if s, err := intoto.Parse([]byte(text)); err == nil {
				t.Errorf("%.200s was read as %+v", text, s)
			}
		})
	}
	for _, kind := range []string{"Statement/v1", "Statement/v0.1"} {
		text := strings.Replace(signature, "Statement/v1", kind, 1)
		if s, err := intoto.Parse([]byte(text)); err != nil || !s.About(digest) || s.PredicateType != intoto.CosignSign {
			t.Errorf("%s: %+v, %v", kind, s, err)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]intoto.Statement{
		"no digest":                 intoto.Signature(""),
		"no predicate":              intoto.New(digest, intoto.SPDX, nil),
		"a broken predicate":        intoto.New(digest, intoto.SPDX, json.RawMessage(`{`)),
		"a predicate of a list":     intoto.New(digest, intoto.SPDX, json.RawMessage(`[]`)),
		"an empty predicate type":   intoto.New(digest, "", json.RawMessage(`{}`)),
		"the zero value, of course": {},
	} {
		if text, err := s.Marshal(); err == nil {
			t.Errorf("%s: written as %s", name, text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(signature))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha512":"ab"},"annotations":{"x":1}}],"predicateType":"p","predicate":{"a":[1,{}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := intoto.Parse(data)
		if err != nil {
			return
		}
		text, err := s.Marshal()
		if err != nil {
			t.Fatalf("%s is read and can't be written: %v", data, err)
		}
		again, err := intoto.Parse(text)
		if err != nil {
			t.Fatalf("%s is written and can't be read: %v", text, err)
		}
		if !s.SamePredicate(again) || len(again.Subject) != len(s.Subject) {
			t.Errorf("%s became %s", data, text)
		}
	})
}
