package retention_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

// Whatever the registry and the policy, and wherever the work stops: each tag
// that is left pulls whole on every platform, with all signatures that it had.
func TestNoPlanBreaksWhatHasATag(t *testing.T) {
	t.Parallel()
	const seeds = 10_000
	deleted, versions, spared := 0, 0, 0
	for seed := range uint64(seeds) {
		r, policy := retentiontest.Random(seed), retentiontest.RandomPolicy(seed)
		inventory := r.Inventory()
		plan, err := retention.New(inventory, policy, nil, r.Now)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		before := map[image.Digest]map[image.Digest]bool{}
		for _, d := range r.Digests() {
			before[d] = r.Pull(d)
		}
		check := func(when string) {
			for tag, d := range r.Named() {
				if err := r.Broken(d, before[d]); err != nil {
					t.Fatalf("seed %d, %s: tag %q: %v\n%s", seed, when, tag, err, text(t, plan))
				}
			}
		}
		for _, d := range plan.Deletions() {
			justified(t, seed, r, policy, d)
			r.Delete(d.Digest)
			check("after " + string(d.Digest))
		}
		for _, d := range plan.Decisions {
			if d.Verdict != retention.Keep {
				continue
			}
			if err := r.Broken(d.Digest, before[d.Digest]); err != nil {
				t.Fatalf("seed %d: kept: %v\n%s", seed, err, text(t, plan))
			}
			if strings.HasPrefix(d.Reason, "needed by") {
				spared++
			}
		}
		if len(plan.Decisions) != len(inventory.Versions) {
			t.Fatalf("seed %d: %d decisions on %d versions", seed, len(plan.Decisions), len(inventory.Versions))
		}
		deleted += len(plan.Deletions())
		versions += len(inventory.Versions)
	}
	// A plan that keeps everything would pass all of the above.
	if deleted < versions/10 || spared == 0 {
		t.Errorf("of %d versions only %d were deleted, and %d kept for others", versions, deleted, spared)
	}
	t.Logf("%d of %d versions deleted", deleted, versions)
}

// justified checks what may never go, without the graph.
func justified(t *testing.T, seed uint64, r *retentiontest.Registry, p retention.Policy, d retention.Decision) {
	t.Helper()
	v := r.Version(d.Digest)
	why := ""
	switch {
	case v == nil:
		why = "it isn't there"
	case r.Hidden[d.Digest] || v.Locked != "":
		why = "it can't be read or is locked"
	case d.Reason == "":
		why = "nothing says why"
	}
	protect, err := p.Protect.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range d.Tags {
		if strings.Contains(string(protect), "latest") && tag == "latest" ||
			strings.Contains(string(protect), ">=0") && strings.HasPrefix(tag, "v") {
			why = "tag " + tag + " is protected"
		}
	}
	if why != "" {
		t.Fatalf("seed %d deletes %s (%s): %s", seed, d.Digest, d.Reason, why)
	}
}

func text(t *testing.T, p retention.Plan) string {
	t.Helper()
	var b strings.Builder
	for _, d := range p.Decisions {
		b.WriteString(string(d.Verdict) + " " + string(d.Digest) + " " + strings.Join(d.Tags, ",") + " " + string(d.Subject) + ": " + d.Reason + "\n")
		for _, c := range d.Children {
			b.WriteString("    " + string(c.Digest) + " " + string(c.Attests) + "\n")
		}
	}
	return b.String()
}

func TestPlansAreTheSameFromJSON(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r, policy := retentiontest.Random(seed), retentiontest.RandomPolicy(seed)
		var plans [2][]byte
		inventory := r.Inventory()
		for i := range plans {
			plan, err := retention.New(inventory, policy, nil, r.Now)
			if err != nil {
				t.Fatal(err)
			}
			if plans[i], err = json.Marshal(plan); err != nil {
				t.Fatal(err)
			}
			document, err := json.Marshal(inventory)
			if err != nil {
				t.Fatal(err)
			}
			inventory = retention.Inventory{}
			if err := json.Unmarshal(document, &inventory); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(plans[0], plans[1]) {
			t.Fatalf("seed %d: one plan is\n%s\nthe other\n%s", seed, plans[0], plans[1])
		}
	}
}
