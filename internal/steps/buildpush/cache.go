package buildpush

import (
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// maxScope bounds a scope, in bytes. GitHub's keys hold 512, and BuildKit adds
// to them.
const maxScope = 128

// withCaches returns the build with the caches that this run can have, and the
// environment that gives buildx the right to use them.
//
// https://docs.docker.com/build/cache/backends/
func (c Config) withCaches(d Deps) (b Build, env []string) {
	b, env = c.Build, slices.Concat(d.Env, d.CacheAccess)
	missing := ""
	fit := func(entries Lines, written bool) Lines {
		var kept Lines
		for _, entry := range entries {
			switch kind := cacheType(entry); {
			case kind == "gha" && lacks(entry, env) != "":
				missing = lacks(entry, env)
			case kind == "registry" && written && len(c.Images) > 0 && !c.byDigest():
				d.Log.Info("a cache in a registry is not written, since this run pushes nothing", "cache-to", entry)
			case kind == "gha":
				kept = append(kept, c.fitGitHub(entry, written))
			default:
				kept = append(kept, entry)
			}
		}
		return kept
	}
	b.CacheFrom, b.CacheTo = fit(b.CacheFrom, false), fit(b.CacheTo, true)
	if missing != "" {
		// buildx passes over it without a word.
		d.Log.Warn("building without the cache of type=gha: " + missing + " is not set; type=registry works anywhere")
	}
	if !slices.ContainsFunc(slices.Concat(b.CacheFrom, b.CacheTo), func(entry string) bool { return cacheType(entry) == "gha" }) {
		env = d.Env
	}
	return b, env
}

// cacheType returns the type of a cache. What isn't an attribute of one is the
// reference of an image.
func cacheType(entry string) string {
	if kind := attribute(entry, "type"); kind != "" || strings.Contains(entry, "=") {
		return kind
	}
	return "registry"
}

// lacks returns what a cache of type=gha needs and neither itself nor the
// environment has, or "".
//
// https://docs.docker.com/build/cache/backends/gha/#authentication
func lacks(entry string, env []string) string {
	switch {
	case attribute(entry, "token") == "" && !hasVariable(env, "ACTIONS_RUNTIME_TOKEN"):
		return "ACTIONS_RUNTIME_TOKEN"
	case attribute(entry, "url") == "" && attribute(entry, "url_v2") == "" &&
		!hasVariable(env, "ACTIONS_CACHE_URL") && !hasVariable(env, "ACTIONS_RESULTS_URL"):
		return "ACTIONS_RESULTS_URL"
	}
	return ""
}

// fitGitHub adds to a cache of type=gha what its user left out: a scope of its
// own, since all without one overwrite each other; and, where it is written,
// that a cache service which is out of order fails no build, and isn't waited
// for longer than others.
func (c Config) fitGitHub(entry string, written bool) string {
	records, err := csv.NewReader(strings.NewReader(entry)).ReadAll()
	if err != nil || len(records) != 1 {
		return entry // buildx tells what is wrong with it
	}
	record := records[0]
	add := func(name, value string) {
		if attribute(entry, name) == "" && value != "" {
			record = append(record, name+"="+value)
		}
	}
	add("scope", c.scope())
	if c.RetryFor > 0 {
		add("timeout", c.RetryFor.String())
	}
	if written {
		add("ignore-error", "true")
	}
	return fields(record...)
}

// notInScope are characters that mean something in a key of the cache, or to
// buildx.
var notInScope = regexp.MustCompile(`[^A-Za-z0-9._/+:-]`)

// scope names what a cache is of: the image, and the Dockerfile, stage and
// platforms that make it.
//
//	acme/app:runtime:linux/amd64+linux/arm64
func (c Config) scope() string {
	image := ""
	if len(c.Images) > 0 {
		image = c.Images[0].Path()
	} else if len(c.Tags) > 0 {
		image = c.Tags[0].Repository.Path()
	}
	platforms := strings.Split(joinPlatforms(c.Platforms), ",")
	slices.Sort(platforms) // their order changes no layer
	parts := []string{image, c.Build.File, c.Build.Target, strings.Join(platforms, "+")}
	full := strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ":")
	name := notInScope.ReplaceAllString(full, "-")
	if name != full || len(name) > maxScope {
		sum := sha256.Sum256([]byte(full))
		name = name[:min(len(name), maxScope-17)] + "-" + hex.EncodeToString(sum[:8])
	}
	return cmp.Or(name, "build")
}
