package issuer

import (
	"maps"
	"slices"
	"strings"
)

// independent are the claims that follow from no other, with the values of a
// tag push in acme/hello. The ids are those of the GitHub stand-in.
var independent = map[string]string{
	"actor":                 "octocat",
	"actor_id":              "583231",
	"base_ref":              "",
	"event_name":            "push",
	"head_ref":              "",
	"ref":                   "refs/tags/v1.2.3",
	"ref_protected":         "false",
	"repository":            "acme/hello",
	"repository_id":         "1296269",
	"repository_owner_id":   "9919",
	"repository_visibility": "public",
	"run_attempt":           "1",
	"run_id":                "1",
	"run_number":            "1",
	"runner_environment":    "github-hosted",
	"sha":                   "0123456789abcdef0123456789abcdef01234567",
	"workflow":              "release",
}

// derived are the claims that follow from others, in the order in which they
// can be computed.
var derived = []struct {
	name string
	from func(map[string]string) string
}{
	{"repository_owner", func(c map[string]string) string { return before(c["repository"], "/") }},
	{"ref_type", func(c map[string]string) string {
		if strings.HasPrefix(c["ref"], "refs/tags/") {
			return "tag"
		}
		return "branch"
	}},
	{"workflow_ref", func(c map[string]string) string {
		return c["repository"] + "/.github/workflows/release.yml@" + c["ref"]
	}},
	{"workflow_sha", func(c map[string]string) string { return c["sha"] }},
	// In a reusable workflow these two are that workflow's own.
	{"job_workflow_ref", func(c map[string]string) string { return c["workflow_ref"] }},
	{"job_workflow_sha", func(c map[string]string) string { return c["workflow_sha"] }},
	{"sub", subject},
}

// environment is a claim only where the job has one.
const environment = "environment"

// subject is GitHub's default form of the sub claim.
func subject(c map[string]string) string {
	prefix := "repo:" + c["repository"] + ":"
	switch {
	case c[environment] != "":
		return prefix + "environment:" + c[environment]
	case c["event_name"] == "pull_request":
		return prefix + "pull_request"
	default:
		return prefix + "ref:" + c["ref"]
	}
}

// complete returns all claims of a run, given those that are set.
func complete(set map[string]string) map[string]string {
	claims := maps.Clone(independent)
	maps.Copy(claims, set)
	for _, d := range derived {
		if _, ok := set[d.name]; !ok {
			claims[d.name] = d.from(claims)
		}
	}
	return claims
}

func claimNames() []string {
	names := slices.Collect(maps.Keys(independent))
	for _, d := range derived {
		if d.name != "sub" {
			names = append(names, d.name)
		}
	}
	names = append(names, environment)
	slices.Sort(names)
	return names
}

func known(name string) bool { return name == "sub" || slices.Contains(claimNames(), name) }

func before(s, sep string) string {
	head, _, _ := strings.Cut(s, sep)
	return head
}
