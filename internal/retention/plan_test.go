package retention_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

var now = time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)

func repository(tb testing.TB) image.Repository {
	tb.Helper()
	r, err := image.ParseRepository("ghcr.io/acme/app")
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func policy(tb testing.TB, rules, protect string) retention.Policy {
	tb.Helper()
	var list retention.Rules
	var p retention.Policy
	if err := list.UnmarshalText([]byte(rules)); err != nil {
		tb.Fatal(err)
	}
	if err := p.Protect.UnmarshalText([]byte(protect)); err != nil {
		tb.Fatal(err)
	}
	p.Rules, p.Grace = list, retention.Age(24*time.Hour)
	return p
}

// two is a repository with two releases. Each has an index of two platforms,
// BuildKit's provenance, and signatures of the index and of one platform; the
// image for arm is the same in both.
const two = `
	sig2  10d ^idx2
	idx2  10d #2.0.0 #latest >amd2 >arm >att2~amd2
	att2  10d
	amd2  10d
	list1 40d @idx1 >sig1
	sig1  40d ^idx1
	psig1 40d @amd1.sig
	idx1  40d #1.0.0 >amd1 >arm >att1~amd1
	att1  40d
	amd1  40d
	arm   40d`

func TestPlan(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		versions, rules, protect string
		incomplete, tagsOnly     bool
		begun                    string
		want                     string // what goes, in order
		why                      map[string]string
	}{
		"a release goes with all that is its own": {
			versions: two, rules: `- delete-tags: "1.*"`,
			want: "idx1 list1 sig1 amd1 att1 psig1",
			why: map[string]string{
				"idx1": `rule 1: tag "1.0.0" matches "1.*"`, "sig1": "goes with 1.0.0", "arm": "needed by 2.0.0", "sig2": "needed by 2.0.0", "idx2": "no rule is about it",
			},
		},
		"protection wins": {
			versions: two, rules: `- delete-tags: "*"`, protect: ">=1, <2\nlatest",
			why: map[string]string{"idx1": `tag "1.0.0" is protected by ">=1, <2"`, "idx2": `tag "latest" is protected by "latest"`},
		},
		"one tag that isn't meant keeps the version": {versions: two, rules: `- delete-tags: "2.*"`},
		"one tag stays": {
			versions: two, rules: `- delete-tags: "*"`, want: "idx1 list1 sig1 amd1 att1 psig1",
			why: map[string]string{"idx2": "the last version with a tag"},
		},
		"untagged is what nothing needs": {
			versions: two + "\nold 50d >amd0\namd0 50d\nosig 50d ^old", rules: "- untagged: true", want: "old osig amd0",
			why: map[string]string{"old": "rule 1: has no tag, and nothing needs it"},
		},
		"a release on its way": {
			versions: "sig 1h ^old\nold 50d >amd0\namd0 50d\nnew 2h >amd0\nloose 3d", rules: "- untagged: true", want: "loose",
			why: map[string]string{"old": "pushed less than 1d ago: it may be a release on its way", "amd0": "needed by " + string(retentiontest.Digest("old"))[:19]},
		},
		"a fresh signature doesn't save what has a tag": {
			versions: "keep 1d #main\nsig 1h ^pr\npr 50d #pr-1", rules: `- delete-tags: "pr-*"`, want: "pr sig",
		},
		"a fresh image goes whole": {
			versions: "m 9d #main\npr 1h #pr-1 >amd >arm\namd 1h\narm 1h", rules: `- delete-tags: "pr-*"`, want: "pr arm amd",
		},
		"an image that was pushed once more": {
			versions: "m 9d #main\npr 9d #pr-1 >amd >arm\namd 1h\narm 9d", rules: `- delete-tags: "pr-*"`, want: "pr arm",
			why: map[string]string{"amd": "pushed less than 1d ago: it may be a release on its way"},
		},
		"provenance of an image that stays": {
			versions: "idx 9d #old >amd >att~amd\natt 9d\namd 9d #keep-amd64", rules: "- delete-tags: old", want: "idx",
			why: map[string]string{"att": "needed by keep-amd64"},
		},
		"the newest and the old": {
			versions: "a 1d #pr-9\nb 20d #pr-8\nc 30d #pr-7\nd 40d #pr-6\nm 1d #main", rules: "- delete-tags: pr-*\n  keep-newest: 2\n  older-than: 35d", want: "d",
			why: map[string]string{"a": "rule 1: one of the 2 newest", "c": "rule 1: not older than 35d"},
		},
		"the latest of each minor": {
			versions: "a 1d #1.3.0-alpine\nb 2d #1.2.9\nc 3d #1.2.10\nd 4d #1.3.0\ne 5d #1.3.1-rc.1\nf 5d #1.3.1-rc.2", rules: "- delete-tags: '*'\n  keep-latest: 1 per minor", want: "e d b",
			why: map[string]string{"f": "rule 1: one of the latest 1 per minor", "a": "rule 1: one of the latest 1 per minor"},
		},
		"the oldest only": {versions: "a 1d #a\nb 2d #b\nc 3d #c\nd 4d #d", rules: "- delete-tags: '*'\n  oldest: 2", want: "d c"},
		"pre-releases are no variants": {
			versions: "a 1d #1.0.0-alpine\nb 2d #1.0.0-rc.1\nc 3d #1.0.0-beta\nd 4d #1.0.0-rc.2 #edge", rules: "- pre-releases: true", want: "c b",
		},
		"several rules": {
			versions: "a 2d #1.0.0-rc.1\nb 3d\nc 4d #pr-1\nd 5d #main", rules: "- pre-releases: true\n- untagged: true\n- delete-tags: pr-*\n  keep-newest: 1", want: "b a",
			why: map[string]string{"a": `rule 1: tag "1.0.0-rc.1" is a pre-release`, "c": "rule 3: one of the 1 newest"},
		},
		"orphans and their own": {
			versions: "list 9d @x >sig\nsig 9d ^x\nssig 9d ^sig\ncosign 9d @y.att\nyoung 1h ^x\nm 9d #main", rules: "- orphans: true", want: "cosign list sig ssig",
			why: map[string]string{"cosign": "rule 1: belongs to " + string(retentiontest.Digest("y"))[:19] + ", which isn't there"},
		},
		"where not all is listed nothing is an orphan": {versions: "cosign 9d @y.att\nm 9d #main >gone", rules: "- orphans: true\n  broken: true", incomplete: true},
		"broken indexes": {
			versions: "a 9d #a >lost\nb 9d #b >c >d\nc 9d\nd 9d !gone\ne 9d #e >c >lost~c\nf 1h #f >lost\ng 9d #v1.0.0 >lost", rules: "- broken: true", protect: ">=0", want: "b d a",
			why: map[string]string{"a": "rule 1: lacks the image of a platform", "c": "needed by e", "e": "no rule is about it"},
		},
		"what can't be read may need anything": {
			versions: two + "\nx 60d !unreadable\nold 50d", rules: "- untagged: true\n- delete-tags: '1.*'",
			why: map[string]string{"x": "can't be read: the server answered 500", "old": string(retentiontest.Digest("x"))[:19] + " can't be read, and may need it"},
		},
		"what is locked stays with its own": {
			versions: "a 9d #a >b\nb 9d\nsig 9d ^a\nm 9d #main\nc 9d #c !locked >d\nd 9d\ndsig 9d @d.sig", rules: "- delete-tags: '[ac]'", want: "a sig b",
			why: map[string]string{"c": "can't be removed: it has more than 5,000 downloads"},
		},
		"where only tags can go": {
			versions: "a 9d #a >b\nb 9d\nbsig 9d @b.sig\nsig 9d @a.sig\nm 9d #main", rules: "- delete-tags: a\n- untagged: true", tagsOnly: true, want: "a sig",
		},
		"an interrupted run is finished": {
			versions: "amd 9d\npsig 9d @amd.sig\nlist 9d @idx >sig\nsig 9d ^idx\nother 9d\nm 9d #main >shared\nshared 9d", rules: "- delete-tags: x", begun: "amd list sig shared m nowhere", want: "list sig amd psig",
			why: map[string]string{"amd": "an earlier run began to remove it", "shared": "needed by main"},
		},
		"a referrer with a tag of its own": {
			versions: "sbom 9d #sbom-1 ^img\nimg 9d #pr-1\nm 9d #main", rules: "- delete-tags: pr-*", why: map[string]string{"img": "needed by sbom-1"},
		},
		"lists that are the same": {
			versions: "list 9d @a @b\na 9d #a\nb 9d #b", rules: "- delete-tags: a", want: "a", why: map[string]string{"list": "needed by b"},
		},
		"by digest": {versions: "a 9d\nb 9d >c\nc 9d\nm 9d #main", rules: "- delete-tags: [" + string(retentiontest.Digest("a")) + ", " + string(retentiontest.Digest("c")) + "]", want: "a"},
		"circles":   {versions: "a 9d @b\nb 9d @a\nm 9d #main", rules: "- untagged: true\n  orphans: true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := retentiontest.New(repository(t), now)
			r.Complete, r.TagsOnly = !test.incomplete, test.tagsOnly
			retentiontest.Script(t, r, test.versions)
			var begun []image.Digest
			for name := range strings.FieldsSeq(test.begun) {
				begun = append(begun, retentiontest.Digest(name))
			}
			plan, err := retention.New(r.Inventory(), policy(t, test.rules, test.protect), begun, now)
			if err != nil {
				t.Fatal(err)
			}
			var going []image.Digest
			reasons := map[image.Digest]string{}
			for _, d := range plan.Deletions() {
				going = append(going, d.Digest)
			}
			for _, d := range plan.Decisions {
				reasons[d.Digest] = d.Reason
			}
			if got := retentiontest.Names(test.versions, going); got != test.want {
				t.Errorf("goes %q, want %q", got, test.want)
			}
			for name, want := range test.why {
				if got := reasons[retentiontest.Digest(name)]; got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestFreedCountsWhatNobodyElseHas(t *testing.T) {
	t.Parallel()
	r := retentiontest.New(repository(t), now)
	blob := func(name string, size int64) retention.Blob {
		return retention.Blob{Digest: retentiontest.Digest(name), Size: size}
	}
	old := now.Add(-1000 * time.Hour)
	r.Push(retention.Version{Digest: retentiontest.Digest("a"), Size: 10, Tags: []string{"a"}, Pushed: old, Blobs: []retention.Blob{blob("base", 1000), blob("a", 100), blob("twice", 7)}})
	r.Push(retention.Version{Digest: retentiontest.Digest("b"), Size: 10, Tags: []string{"b"}, Pushed: old, Blobs: []retention.Blob{blob("b", 200), blob("twice", 7)}})
	r.Push(retention.Version{Digest: retentiontest.Digest("c"), Size: 10, Tags: []string{"c"}, Pushed: old, Blobs: []retention.Blob{blob("base", 1000)}})
	plan, err := retention.New(r.Inventory(), policy(t, "- delete-tags: '[ab]'", ""), nil, now)
	if err != nil || plan.Freed != 327 {
		t.Errorf("%d bytes are freed, want 327; %v", plan.Freed, err)
	}
}

func TestAVersionIsListedOnce(t *testing.T) {
	t.Parallel()
	v := retention.Version{Digest: retentiontest.Digest("a")}
	_, err := retention.New(retention.Inventory{Repository: repository(t), Versions: []retention.Version{v, v}}, retention.Policy{}, nil, now)
	if err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error %v", err)
	}
}

// Ten thousand versions as signed multi-platform releases have them.
func BenchmarkPlan(b *testing.B) {
	for _, versions := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(versions), func(b *testing.B) {
			r := retentiontest.New(repository(b), now)
			for n := range versions / 10 {
				age := fmt.Sprintf("%dh ", 24+n)
				retentiontest.Script(b, r, strings.NewReplacer("T", age, "N", fmt.Sprint(n)).Replace(`
					listN T@idxN >sigN >attN >sbomN
					sigN T^idxN
					attN T^idxN
					sbomN T^idxN
					psigN T@amdN.sig
					idxN T#1.0.N >amdN >armN >pamdN~amdN >parmN~armN
					pamdN T
					parmN T
					amdN T
					armN T`))
			}
			inventory, p := r.Inventory(), policy(b, "- delete-tags: '*'\n  keep-newest: 100", "")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := retention.New(inventory, p, nil, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
