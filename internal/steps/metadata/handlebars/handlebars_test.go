package handlebars

import (
	"strings"
	"testing"
	"time"
)

func context() Object {
	return Object{
		{"branch", Func(func([]any, Object) (any, error) { return "main", nil })},
		{"text", `a&b<c>"d"'e'` + "`f`=g"},
		{"yes", true}, {"no", false}, {"false", "false"}, {"empty", ""}, {"zero", 0.0}, {"one", 1.0},
		{"list", []any{"x", "y"}}, {"none", []any{}},
		{"author", Object{{"name", "Mona"}, {"tags", []any{"p", "q"}}}},
		{"echo", Func(func(args []any, named Object) (any, error) {
			out := ""
			for _, a := range args {
				out += text(a) + ";"
			}
			return out + text(named.Get("key")), nil
		})},
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ template, want string }{
		{"plain", "plain"},
		{"{{branch}}", "main"},
		{"{{ branch }}-{{branch}}", "main-main"},
		{"a  {{~branch~}}  b", "amainb"},
		{`\{{branch}}`, "{{branch}}"},
		{"a{{! a comment }}b{{!-- }} --}}c", "abc"},
		{"{{text}}", "a&amp;b&lt;c&gt;&quot;d&quot;&#x27;e&#x27;&#x60;f&#x60;&#x3D;g"},
		{"{{{text}}}{{&branch}}", `a&b<c>"d"'e'` + "`f`=gmain"},
		{"x{{missing}}y{{missing.deeper}}{{branch.deeper}}", "xy"},
		{"{{yes}}{{no}}{{zero}}{{one}}", "truefalse01"},
		{"{{list}} {{list.length}} {{list.[1]}} {{list.[2]}}", "x,y 2 y "},
		{"{{this.branch}}{{[branch]}}{{./branch}}{{@root.branch}}", "mainmainmainmain"},
		{`{{"branch"}}{{"a=b"}}`, "main"},
		{"{{../branch}}", ""},
		{"{{author.name}}{{author}}", "Mona[object Object]"},
		{"{{echo 'a' \"b\" 3 true (branch) missing key='v'}}", "a;b;3;true;main;;v"},
		{"{{echo (echo 'in') (missing)}}", "in;;;"},
		{"{{#if branch}}b{{else}}nb{{/if}}", "b"},
		{"{{#if (branch)}}b{{/if}}", "b"},
		{"{{#if false}}t{{else if one}}one{{/if}}", "one"},
		{"{{#if [false]}}a text is true{{/if}}", "a text is true"},
		{"{{#if none}}t{{else}}f{{/if}}{{#if zero}}t{{else}}f{{/if}}{{#if zero includeZero=true}}t{{/if}}", "fft"},
		{"{{#unless empty}}u{{/unless}}{{#unless one}}u{{else}}e{{/unless}}", "ue"},
		{"{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", "0x,1y"},
		{"{{#each @root}}{{@key}} {{/each}}", "branch text yes no false empty zero one list none author echo "},
		{"{{text.length}}{{one.length}}{{branch.nope}}{{echo key='a' key='b'}}", "17b"},
		{"{{#each author as |v k|}}{{k}}={{v}};{{/each}}", "name=Mona;tags=p,q;"},
		{"{{#each none}}x{{else}}nothing{{/each}}{{#each one}}x{{else}}no list{{/each}}", "nothingno list"},
		{"{{#each author.tags}}{{this}}{{../../branch}}{{../author.name}}{{/each}}", "pMonaqMona"},
		{"{{#with author}}{{name}}{{../branch}}{{branch}}{{/with}}{{#with missing}}x{{else}}n{{/with}}", "Monamainn"},
		{"{{#author}}{{name}}{{/author}}{{#list}}<{{this}}>{{/list}}{{#branch}}in{{/branch}}", "Mona<x><y>in"},
		{"{{^missing}}m{{/missing}}{{#no}}n{{else}}e{{/no}}{{#yes}}y{{/yes}}", "mey"},
		{"{{lookup author 'name'}}{{lookup list 1}}{{log 'x'}}", "Monay"},
		{"}}", "}}"},
	} {
		got, err := Render(test.template, context())
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.template, got, err, test.want)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ template, says string }{
		{"{{", "unclosed expression"},
		{"{{branch", "unclosed expression"},
		{"{{branch}", "unexpected character"},
		{"{{#if x}}", "expecting"},
		{"{{/if}}", "syntax error"},
		{"{{nope 'x'}}", `unknown function "nope"`},
		{"{{echo (nope 'x')}}", `unknown function "nope"`},
		{"{{> partial}}", "partials"},
		{"{{if}}", "if: takes exactly one argument"},
		{"{{#each}}x{{/each}}", "#each: takes exactly one argument"},
		{"{{lookup list}}", "lookup: takes an object and a name"},
		{"{{lookup this 'branch'}}", "is computed"},
		{"{{branch.length}}", `"length"`},
		{"{{helperMissing}}", "is no function"},
		{"{{#blockHelperMissing}}x{{/blockHelperMissing}}", "is no function"},
	} {
		out, err := Render(test.template, context())
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.says)) || !strings.Contains(err.Error(), "template") {
			t.Errorf("%s: %q, %v; want an error that says %q", test.template, out, err, test.says)
		}
	}
}

func TestIsProperty(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]bool{
		"{{raw}}": true, "{{ raw }}": true, "{{{raw}}}": true, "{{~raw~}}": true,
		"{{raw}}x": false, "{{version}}": false, "raw": false, "": false, "{{#raw}}{{/raw}}": false,
	} {
		parsed, err := Parse(template)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.IsProperty("raw"); got != want {
			t.Errorf("%s: %v", template, got)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"{{branch}}", "{{#if a}}b{{else if c}}d{{/if}}", "{{{x}}}", "{{#each list as |a b|}}{{@key}}{{/each}}", `\{{x}}`, `\\{{x}}`, "{{!-- x --}}",
		"{{{{raw}}}}x{{{{/raw}}}}", "{{> p a=b}}", "{{lookup (lookup this 'a') 1.5e3}}", "{{[a b]}}", "{{../x/y}}", "{{^}}", "{{&x}}", "{{@root.a}}", "{{x.[0].length}}", "{{@}}", "{{true}}{{-1}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if out, err := Render(template, context()); err != nil && out != "" {
				t.Errorf("both a text and %v", err)
			}
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Errorf("%q takes for ever", template)
		}
	})
}
