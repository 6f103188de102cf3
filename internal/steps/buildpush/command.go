package buildpush

import (
	"cmp"
	"encoding/csv"
	"regexp"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/image"
)

// Build holds the inputs that are flags of docker buildx build, one for one.
type Build struct {
	Context        string   `input:"context"`
	File           string   `input:"file"`
	Target         string   `input:"target"`
	BuildArgs      Lines    `input:"build-args"`
	BuildContexts  Lines    `input:"build-contexts"`
	Labels         Lines    `input:"labels"`
	Annotations    Lines    `input:"annotations"`
	CacheFrom      Lines    `input:"cache-from"`
	CacheTo        Lines    `input:"cache-to"`
	NoCache        bool     `input:"no-cache"`
	NoCacheFilters []string `input:"no-cache-filters,comma"`
	Pull           bool     `input:"pull"`
	Call           string   `input:"call"`
	AddHosts       []string `input:"add-hosts,comma"`
	Allow          []string `input:"allow,comma"`
	CgroupParent   string   `input:"cgroup-parent"`
	Network        string   `input:"network"`
	ShmSize        string   `input:"shm-size"`
	SSH            []string `input:"ssh,comma"`
	Ulimit         Lines    `input:"ulimit"`
}

// option is a flag of buildx and its values: one occurrence for each.
type option struct {
	name   string
	values []string
}

// calls reports whether the build is only evaluated, and makes no image.
func (b Build) calls() bool { return b.Call != "" && b.Call != "build" }

// resolve puts the commit's own URL for {{defaultContext}}, which is also the
// context where none is given.
func (b Build) resolve(gitContext string) Build {
	if b.Context == "" {
		b.Context = cmp.Or(gitContext, ".")
	}
	b.Context = defaultContext.ReplaceAllLiteralString(b.Context, gitContext)
	b.BuildContexts = slices.Clone(b.BuildContexts)
	for i, context := range b.BuildContexts {
		b.BuildContexts[i] = defaultContext.ReplaceAllLiteralString(context, gitContext)
	}
	return b
}

var defaultContext = regexp.MustCompile(`\{\{\{?\s*defaultContext\s*\}?\}\}`)

// invocation is what a command line holds beside the inputs.
type invocation struct {
	builder      string
	metadataFile string
	secretSpecs  []string
	layout       string
	origin       origin
}

// arguments returns the arguments of buildx.
//
// https://docs.docker.com/reference/cli/docker/buildx/build/
func (c Config) arguments(v invocation) []string {
	b := c.Build
	options := []option{
		{"--builder", one(v.builder)},
		{"--file", one(b.File)},
		{"--target", one(b.Target)},
		{"--platform", one(joinPlatforms(c.Platforms))},
		{"--build-arg", b.BuildArgs},
		{"--build-context", b.BuildContexts},
		{"--label", b.Labels},
		{"--annotation", b.Annotations},
		{"--cache-from", b.CacheFrom},
		{"--cache-to", b.CacheTo},
		{"--no-cache", given(b.NoCache)},
		{"--no-cache-filter", b.NoCacheFilters},
		{"--pull", given(b.Pull)},
		{"--secret", v.secretSpecs},
		{"--ssh", b.SSH},
		{"--add-host", b.AddHosts},
		{"--allow", b.Allow},
		{"--cgroup-parent", one(b.CgroupParent)},
		{"--network", one(b.Network)},
		{"--shm-size", one(b.ShmSize)},
		{"--ulimit", b.Ulimit},
		{"--call", one(b.Call)},
	}
	if !b.calls() {
		options = append(options, c.Attestations.options(v.origin, c.toDocker())...)
		options = append(options, c.options(v.layout)...)
		options = append(options, option{"--metadata-file", one(v.metadataFile)})
	}
	options = append(options, option{"--progress", one("rawjson")})
	args := []string{"build"}
	for _, o := range options {
		for _, value := range o.values {
			// Joined, since a flag without a value takes none from the next argument.
			args = append(args, o.name+"="+value)
		}
	}
	return append(args, b.Context)
}

func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func given(yes bool) []string {
	if !yes {
		return nil
	}
	return []string{"true"}
}

func joinPlatforms(platforms []image.Platform) string {
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.String()
	}
	return strings.Join(names, ",")
}

// fields returns values as buildx reads them: one record of CSV.
func fields(values ...string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(values) // a strings.Builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}
