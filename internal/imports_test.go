// Package internal_test holds the house's import rule: arrows point down only.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/org/release-actions/"

// layers lists the packages from the lowest to the highest. A package may
// import those of lower layers only, never its neighbours.
var layers = [][]string{
	{"internal/secret", "internal/hint", "internal/markdown", "internal/parallel", "internal/runlog"},
	{"internal/image", "internal/release", "internal/lines", "internal/transport", "internal/job", "internal/outdir"},
	{"internal/webapi", "internal/retention", "internal/notes"},
	{"internal/registry", "internal/sigstore", "internal/intoto", "internal/ghapi", "internal/dockerhub", "internal/quay", "internal/harbor", "internal/action"},
	{"internal/evidence", "internal/trivy"},
	{"internal/steps"},
	{"internal/wiring"},
	{"actions"},
	{"internal/publish"},
}

// owners names the one package that may import a library.
var owners = map[string]string{
	"github.com/sethvargo/go-githubactions":                "internal/action",
	"github.com/google/go-containerregistry/pkg/v1/remote": "internal/registry",
	"github.com/google/go-containerregistry/pkg/authn":     "internal/registry",
	"github.com/sigstore/sigstore-go":                      "internal/sigstore",
	"github.com/google/go-github":                          "internal/ghapi",
	"github.com/anchore/syft":                              "internal/steps/sbom",
}

// local is the local world, which stands beside the house: it may use the
// vocabulary and every library, and only tests may use it.
const local = "internal/devstack"

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	files := 0
	for _, root := range []string{".", "../actions"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			files++
			pkg := filepath.ToSlash(filepath.Dir(filepath.Join("internal", path)))
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				if why := refused(pkg, imported, strings.HasSuffix(path, "_test.go")); why != "" {
					t.Errorf("%s imports %s: %s", path, imported, why)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 50 {
		t.Errorf("only %d files were read", files)
	}
}

func refused(pkg, imported string, test bool) string {
	if strings.HasPrefix(pkg, local) {
		if rest, ours := strings.CutPrefix(imported, module); ours && layer(rest) > 1 {
			return "the local world uses the vocabulary only"
		}
		return ""
	}
	if test && !strings.HasPrefix(imported, module) {
		return ""
	}
	for library, owner := range owners {
		if under(imported, library) && !under(pkg, owner) {
			return "only " + owner + " may"
		}
	}
	to, ours := strings.CutPrefix(imported, module)
	if !ours || pkg == "internal" || under(to, pkg) || under(pkg, to) {
		return ""
	}
	if under(to, local) {
		if test {
			return ""
		}
		return "the local world is for tests"
	}
	from, target := layer(pkg), layer(to)
	switch {
	case target < 0:
		return "it is in no layer; add it to the list in imports_test.go"
	case under(to, "internal/action"):
		if !under(pkg, "actions") && !under(pkg, "internal/wiring") && !under(pkg, "internal/publish/cmd") {
			return "only a step's wiring may import the runner's edge"
		}
	case under(pkg, "internal/action") && !slices.Contains([]string{"internal/secret", "internal/hint", "internal/transport", "internal/runlog", "internal/job"}, to) && !test:
		return "the runner's edge knows no domain"
	case target >= from:
		return "the arrow points up or sideways"
	}
	return ""
}

func layer(pkg string) int {
	return slices.IndexFunc(layers, func(names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return under(pkg, name) })
	})
}

func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestTheRuleRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pkg, imported string
		test, refused bool
	}{
		{"internal/steps/sign", module + "internal/registry", false, false},
		{"internal/steps/sign", module + "internal/steps/attest", false, true},
		{"internal/steps/sign", module + "internal/action", false, true},
		{"internal/registry", module + "internal/steps/sign", false, true},
		{"internal/registry", module + "internal/sigstore", false, true},
		{"internal/image", module + "internal/hint", false, false},
		{"internal/image", module + "internal/release", false, true},
		{"actions/sign", module + "internal/action", false, false},
		{"actions/sign", module + "internal/steps/sign", false, false},
		{"internal/action", module + "internal/secret", false, false},
		{"internal/wiring", module + "internal/action", false, false},
		{"internal/steps/sign", module + "internal/wiring", false, true},
		{"internal/action", module + "internal/image", false, true},
		{"internal/steps/sign", "github.com/sigstore/sigstore-go/pkg/sign", false, true},
		{"internal/ghapi", "github.com/google/go-github/v60/github", false, false},
		{"internal/steps/sign", "github.com/google/go-github/v60/github", false, true},
		{"internal/steps/sign", module + "internal/devstack/standin", false, true},
		{"internal/steps/sign", module + "internal/devstack/standin", true, false},
		{"internal/devstack", module + "internal/steps/sign", false, true},
		{"internal/steps/sign", module + "internal/nowhere", false, true},
	} {
		if why := refused(test.pkg, test.imported, test.test); (why != "") != test.refused {
			t.Errorf("%s → %s: %q, want refused %v", test.pkg, test.imported, why, test.refused)
		}
	}
}
