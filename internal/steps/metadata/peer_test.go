package metadata

import (
	"strings"
	"testing"
)

// TestThePeersCorners has what docker/metadata-action v6.2.0 and its libraries
// do in corners that the recorded runs don't reach.
func TestThePeersCorners(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ event, ref, tags, flavor, want string }{
		// A schedule's pattern knows the dates only.
		{"schedule", "refs/heads/main", "type=schedule,pattern=n{{branch}}{{sha}}-{{date 'YYYY'}}", "", "n-2024"},
		{"schedule", "refs/heads/main", "type=schedule,prefix={{branch}}-", "", "main-nightly"},
		// Expressions in a prefix or suffix have no value on the tag latest.
		{"push", "refs/tags/v1.2.3", "type=ref,event=tag", "suffix=-{{sha}},onlatest=true", "v1.2.3-860c190 latest--sha-"},
		// The default branch.
		{"schedule", "", "type=raw,value={{is_default_branch}}", "", "false"},
		{"status", "refs/heads/dev", "type=raw,value={{is_default_branch}}", "", "false"},
		{"discussion_comment", "refs/heads/dev", "type=raw,value={{is_default_branch}}", "", "true"},
		{"issue_comment", "refs/heads/dev", "type=raw,value={{is_default_branch}}", "", "false"},
		{"create", "refs/tags/v1", "type=raw,value={{is_default_branch}}", "", "true"},
		{"merge_group", "refs/heads/gh-readonly-queue/main/pr-1-x", "type=ref,event=branch", "", "gh-readonly-queue-main-pr-1-x"},
		{"release", "refs/tags/rel/1.0.0", "type=ref,event=tag\ntype=semver,pattern={{version}},match=rel/(.*)", "", "1.0.0 rel-1.0.0 latest"},
		{"delete", "refs/heads/feature/ä/ß_x", "type=ref,event=branch", "", "feature-_x"},
		{"pull_request_review", "refs/pull/7/head", "type=ref,event=pr", "", "pr-7-head"},
		// Versions.
		{"push", "refs/tags/v01.2.3", "type=semver,pattern={{version}}\ntype=sha", "", "sha-860c190"},
		{"push", "refs/tags/=v1.2.3", "type=semver,pattern={{version}}\ntype=sha", "", "sha-860c190"},
		{"push", "refs/tags/1.2.3-0a.b+c.d", "type=semver,pattern={{version}}", "", "1.2.3-0a.b"},
		{"push", "refs/tags/1.2.3-01", "type=semver,pattern={{version}}\ntype=sha", "", "sha-860c190"},
		{"push", "refs/tags/1.2.3+b.1", "type=semver,pattern={{raw}}_{{build.[1]}}_{{loose}}", "", "1.2.3-b.1_1_true latest"},
		{"push", "refs/tags/9007199254740992.0.0", "type=semver,pattern={{version}}\ntype=sha", "", "sha-860c190"},
		{"push", "refs/tags/1!2.0", "type=pep440,pattern={{version}}\ntype=pep440,pattern={{major}}", "", "1-2.0 2 latest"},
		{"push", "refs/tags/1.0", "type=pep440,pattern={{major}}{{#if minor}}.{{minor}}{{/if}}{{patch}}", "", "10 latest"},
		{"push", "refs/tags/1.0-r4", "type=pep440,pattern={{major}}", "", "1.0.post4"},
		{"push", "refs/tags/1.0_RC1", "type=pep440,pattern={{major}}\ntype=pep440,pattern={{raw}}", "", "1.0rc1 1.0_RC1"},
		{"push", "refs/tags/1.0.c.2.dev", "type=pep440,pattern={{version}}", "", "1.0rc2.dev0"},
		{"push", "refs/tags/x", "type=pep440,pattern={{version}},value=1.0 \ntype=pep440,pattern={{version}},value=a 2.0,match=a(.*)\ntype=sha", "", "1.0 sha-860c190 latest"},
		{"push", "refs/tags/x", "type=semver,pattern={{raw}},value=a 2.0.0,match=a(.*)", "", "2.0.0 latest"},
		// Attributes.
		{"push", "", "type=raw, =x,value=a", "", "a"},
		{"push", "", "type=raw,=x", "", "x"},
		{"push", "", "TYPE = raw , Value = a=b ", "", "a-b"},
		{"push", "", "type=raw,value=a,value=b", "", "b"},
		{"push", "", "type=sha,format=short,prefix= , suffix = -x ", "", "860c190-x"},
		{"push", "", "a,priority=.5\nb,priority=1e400\nc,priority=0x10\nd,priority=1_0\ne,priority=-Infinity", "", "b c a d e"},
		{"push", "", "a,priority=\nb,priority=+5", "", "b a"},
		// Lists.
		{"push", "", "a\r\n# c\r\n\r\nb # d", "", "a b-d"},
		{"push", "", "\"a\"#b", "", "a-b"},
		{"push", "", "a\n#\"\nb", "", "a b"},
		{"push", "", "\"type=raw,\"\"value=a,b\"\"\"", "", "a-b"},
		{"push", "", "type=raw,\"value=a,b\nc\"", "", "b"},
		// Patterns.
		{"push", "refs/tags/v1.2", "type=match,pattern=\\p{L}\ntype=sha", "", "sha-860c190"},
		{"push", "refs/tags/v1.2", "type=match,pattern=/\\p{L}/u", "", "v latest"},
		{"push", "refs/tags/v1.2", "type=match,pattern=(?>v)", "", "!"},
		{"push", "refs/tags/v1.2", "type=match,pattern=(?#x)v", "", "!"},
		{"push", "refs/tags/v1.2", "type=match,pattern=(?<v>v)(\\d),group=2", "", "1 latest"},
		{"push", "refs/tags/v1.2", "type=match,pattern=/(\\d)/g,group=1", "", "2 latest"},
		{"push", "refs/tags/v1.2", "type=match,pattern=[^],group=1.0\ntype=sha", "", "sha-860c190"},
		// Templates.
		{"push", "refs/heads/main", "type=raw,value={{#each this}}{{@key}}.{{/each}}", "", "branch.tag.sha.base_ref.commit_date.is_default_branch.is_not_default_branch.date."},
		{"push", "refs/tags/v1.2.3", "type=semver,pattern={{#each this}}{{@key}}.{{/each}}", "", "options.loose.includePrerelease.raw.major.minor.patch.prerelease.build.version. latest"},
		{"push", "refs/heads/main", "type=raw,value={{#if is_default_branch}}{{#if tag}}t{{else}}{{branch}}{{/if}}{{/if}}", "", "main"},
		{"push", "refs/heads/main", "type=raw,value={{helperMissing}}", "", "!"},
	} {
		r, log, err := tryOn(t, map[string]string{"images": "a/b", "tags": test.tags, "flavor": test.flavor}, test.event, test.ref)
		got := strings.ReplaceAll(r.TagNames, "\n", " ")
		if err != nil {
			got = "!"
		}
		if got != test.want {
			t.Errorf("%s on %s %q: %q, %v; want %q\n%s", test.tags, test.event, test.ref, got, err, test.want, log)
		}
	}
}
