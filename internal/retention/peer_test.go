package retention_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

// peerCase is what actions/delete-package-versions v5.0.0 was seen to delete.
type peerCase struct {
	ID    string `json:"id"`
	Input struct {
		Inputs   map[string]string `json:"inputs"`
		Versions json.RawMessage   `json:"versions"`
	} `json:"input"`
	Expect struct {
		ExitCode int   `json:"exit_code"`
		Deleted  []int `json:"deleted_ids"`
	} `json:"expect"`
}

type peerVersion struct {
	ID      int       `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created_at"`
	Tags    []string  `json:"tags"`
}

var generated = regexp.MustCompile(`many\((\d+)\)`)

func (c peerCase) versions(t *testing.T) []peerVersion {
	t.Helper()
	var versions []peerVersion
	if json.Unmarshal(c.Input.Versions, &versions) == nil {
		return versions
	}
	m := generated.FindSubmatch(c.Input.Versions)
	if m == nil {
		t.Fatalf("%s: versions are %s", c.ID, c.Input.Versions)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	for i := n - 1; i >= 0; i-- {
		v := peerVersion{ID: 1000 + i, Name: fmt.Sprint("sha256:", i), Created: time.Date(2024, 1, 1+i%28, 0, 0, 0, 0, time.UTC)}
		if i%3 == 0 {
			v.Tags = []string{fmt.Sprint("t", i)}
		}
		versions = append(versions, v)
	}
	return versions
}

// rule is the case's inputs in our words, as docs/cleanup.md has them. It is ""
// where they ask for nothing, or for what is no container image.
func (c peerCase) rule(t *testing.T) string {
	t.Helper()
	in := c.Input.Inputs
	if c.Expect.ExitCode != 0 || in["package-type"] != "container" {
		return ""
	}
	if ids := in["package-version-ids"]; ids != "" {
		var digests []string
		for id := range strings.SplitSeq(ids, ",") {
			digests = append(digests, digestOf(id))
		}
		if len(digests) > 100 || in["num-old-versions-to-delete"] == "0" {
			return "" // it stops after a hundred, in no order of time
		}
		return "- delete-tags: [" + strings.Join(digests, ", ") + "]"
	}
	rule := "- delete-tags: '*'\n  untagged: true"
	oldest := 100 // all that it does in one run
	keep, _ := strconv.Atoi(in["min-versions-to-keep"])
	switch {
	case strings.EqualFold(in["delete-only-untagged-versions"], "true"):
		rule = "- untagged: true"
	case in["delete-only-pre-release-versions"] == "true":
		rule = "- pre-releases: true"
	case keep < 0:
		number, err := strconv.ParseFloat(in["num-old-versions-to-delete"], 64)
		if err != nil || number <= 0 {
			return ""
		}
		oldest = int(number)
	}
	if keep > 0 {
		rule += fmt.Sprint("\n  keep-newest: ", keep)
	}
	var ignored []string
	ignore := regexp.MustCompile(strings.Trim(in["ignore-versions"], "/"))
	for _, v := range c.versions(t) {
		if in["ignore-versions"] != "/a1/" && ignore.MatchString(v.Name) { // slashes are part of it there
			ignored = append(ignored, digestOf(strconv.Itoa(v.ID)))
		}
	}
	return rule + fmt.Sprint("\n  oldest: ", oldest) + "\n  keep-tags: [" + strings.Join(ignored, ", ") + "]"
}

func digestOf(id string) string { return string(retentiontest.Digest(id)) }

// Where nothing needs anything, the same versions go, but for the last tag.
// Where what has no tag belongs to what has, those of them go that nobody needs,
// while the peer breaks images.
func TestDeletesAsTheOtherActionDoesButForWhatWouldBreak(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/delete-package-versions.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Cases []peerCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	compared, broken := 0, 0
	for _, c := range recorded.Cases {
		rule := c.rule(t)
		if rule == "" {
			continue
		}
		compared++
		for _, linked := range []bool{false, true} {
			r := peerRegistry(t, c, linked)
			p := policy(t, rule, "")
			p.Grace = 0
			plan, err := retention.New(r.Inventory(), p, nil, now)
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			c.compare(t, plan, linked)
			peers, whole := peerRegistry(t, c, linked), peerRegistry(t, c, linked)
			for _, id := range c.Expect.Deleted {
				peers.Delete(retentiontest.Digest(strconv.Itoa(id)))
			}
			for _, d := range plan.Deletions() {
				r.Delete(d.Digest)
			}
			for _, d := range peers.Named() {
				if peers.Broken(d, whole.Pull(d)) != nil {
					broken++
				}
			}
			for tag, d := range r.Named() {
				if err := r.Broken(d, whole.Pull(d)); err != nil {
					t.Errorf("%s: tag %q: %v", c.ID, tag, err)
				}
			}
		}
	}
	if compared < 20 || broken == 0 {
		t.Errorf("%d cases were compared, and the peer broke %d tags", compared, broken)
	}
}

func (c peerCase) compare(t *testing.T, plan retention.Plan, linked bool) {
	t.Helper()
	peers := map[image.Digest]bool{}
	for _, id := range c.Expect.Deleted {
		peers[retentiontest.Digest(strconv.Itoa(id))] = true
	}
	for _, d := range plan.Decisions {
		ours := d.Verdict == retention.Delete
		excused := d.Reason == "the last version with a tag" || linked && (strings.HasPrefix(d.Reason, "needed by") || strings.Contains(d.Reason, "newest")) ||
			// It takes digests for versions, and all of them for pre-releases.
			c.ID == "pre-container" && d.Reason == "no rule is about it"
		// We delete whole images, and count them; it leaves orphans, and counts parts.
		whole := linked && (strings.HasPrefix(d.Reason, "goes with") || c.Input.Inputs["min-versions-to-keep"] == "-1")
		switch {
		case ours && !peers[d.Digest] && !whole:
			t.Errorf("%s, linked %v: we alone delete %s: %s", c.ID, linked, d.ID, d.Reason)
		case !ours && peers[d.Digest] && !excused:
			t.Errorf("%s, linked %v: only the peer deletes %s; ours stays: %s", c.ID, linked, d.ID, d.Reason)
		}
	}
}

// peerRegistry has a case's versions; linked, what has no tag belongs to the
// tagged version that was listed before it, image and signature in turn.
func peerRegistry(t *testing.T, c peerCase, linked bool) *retentiontest.Registry {
	t.Helper()
	r := retentiontest.New(repository(t), now)
	versions := c.versions(t)
	made := make([]retention.Version, len(versions))
	owner := slices.IndexFunc(versions, func(v peerVersion) bool { return len(v.Tags) > 0 })
	for n, v := range versions {
		made[n] = retention.Version{ID: strconv.Itoa(v.ID), Digest: retentiontest.Digest(strconv.Itoa(v.ID)), Pushed: v.Created, Tags: v.Tags}
	}
	for n, v := range versions {
		switch {
		case len(v.Tags) > 0:
			owner = n
		case linked && n%2 == 0:
			made[owner].Children = append(made[owner].Children, retention.Child{Digest: made[n].Digest})
		case linked:
			made[n].Subject = made[owner].Digest
		}
	}
	for _, v := range slices.Backward(made) {
		r.Push(v)
	}
	return r
}
