package retention

import (
	"slices"
	"time"

	"github.com/org/release-actions/internal/image"
)

// Verdict is what becomes of a version.
type Verdict string

// The verdicts.
const (
	Keep   Verdict = "keep"
	Delete Verdict = "delete"
)

// Decision is what becomes of one version, and why.
type Decision struct {
	Version
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`
}

// Plan is what becomes of a repository.
type Plan struct {
	Of image.Repository `json:"repository"`
	// Decisions are first those to delete, in the order to do it in: a version
	// before all that it needs, so that whenever the work stops, what still has a
	// tag is whole, and signed.
	Decisions []Decision `json:"decisions"`
	// Freed is what the registry can free, in bytes, as far as sizes are known:
	// without the layers that what stays is known to have, too.
	Freed int64 `json:"freed"`

	graph *graph
}

// New plans what a policy makes of an inventory at a given time. begun are
// digests that an earlier run had decided to remove when it was interrupted:
// where they have no tag and nothing needs them, they go. An inventory that
// lists a version twice is an error.
func New(inv Inventory, p Policy, begun []image.Digest, now time.Time) (Plan, error) {
	g, err := newGraph(inv)
	if err != nil {
		return Plan{}, err
	}
	var resumed []int
	for _, d := range begun {
		if i, there := g.place[d]; there {
			resumed = append(resumed, i)
		}
	}
	c := g.choose(p, resumed, now)
	going, reasons := c.settle()
	if last := c.lastTag(going); last >= 0 {
		c.goes[last], c.stays[last] = "", "the last version with a tag"
		going, reasons = c.settle()
	}
	plan := Plan{Of: inv.Repository, graph: g}
	goes := make([]bool, len(g.versions))
	for _, i := range g.order(going) {
		goes[i] = true
		plan.Decisions = append(plan.Decisions, Decision{g.versions[i], Delete, reasons[i]})
	}
	for i, v := range g.versions {
		if !goes[i] {
			plan.Decisions = append(plan.Decisions, Decision{v, Keep, reasons[i]})
		}
	}
	plan.Freed = g.freed(goes)
	return plan, nil
}

// Unweighed returns what goes and may have layers that nobody has read of.
func (p Plan) Unweighed() []image.Digest {
	var digests []image.Digest
	for _, d := range p.Deletions() {
		if len(d.Blobs) == 0 && len(d.Children) == 0 && !d.Gone && d.Unreadable == "" {
			digests = append(digests, d.Digest)
		}
	}
	return digests
}

// Weigh notes what versions hold, and counts anew what the plan frees.
func (p *Plan) Weigh(blobs map[image.Digest][]Blob) {
	goes := make([]bool, len(p.graph.versions))
	for n, d := range p.Deletions() {
		i := p.graph.place[d.Digest]
		goes[i] = true
		if held := blobs[d.Digest]; held != nil {
			p.graph.versions[i].Blobs, p.Decisions[n].Blobs = held, held
		}
	}
	p.Freed = p.graph.freed(goes)
}

// Deletions returns the decisions to delete, in order.
func (p Plan) Deletions() []Decision {
	n := slices.IndexFunc(p.Decisions, func(d Decision) bool { return d.Verdict == Keep })
	if n < 0 {
		n = len(p.Decisions)
	}
	return p.Decisions[:n]
}

// Spared returns what must stay, too, where a version is to stay after all:
// itself, and all that it needs.
func (p Plan) Spared(d image.Digest) []image.Digest {
	var digests []image.Digest
	g := p.graph
	g.spread([]int{g.place[d]}, make([]bool, len(g.versions)), g.need, func(i, _ int) { digests = append(digests, g.versions[i].Digest) })
	return digests
}

// settle weighs what goes against what others need. It returns what goes, and
// the reason for each version.
func (c *choice) settle() (going []int, reasons []string) {
	n := len(c.versions)
	reasons = make([]string, n)
	doomed, kept := make([]bool, n), make([]bool, n)
	var chosen, roots []int
	for i := range n {
		switch {
		case c.goes[i] != "":
			chosen = append(chosen, i)
		case c.stays[i] != "" || len(c.named(i)) > 0 || c.isLoose(i):
			roots = append(roots, i)
		}
	}
	slices.SortStableFunc(chosen, c.newestFirst) // what goes is put in order from the end
	following := c.spread(chosen, doomed, c.own, func(i, from int) {
		if reasons[i] = c.goes[i]; reasons[i] == "" {
			reasons[i] = "goes with " + c.name(from)
		}
	})
	stay := func(i, from int) {
		if reasons[i] = c.whyKept(i); i != from {
			reasons[i] = "needed by " + c.name(from)
		}
	}
	c.spread(roots, kept, c.need, stay)
	// Things that hold each other in a circle are nobody's: they stay, too.
	for i := range n {
		if !doomed[i] {
			c.spread([]int{i}, kept, c.need, stay)
		}
	}
	return slices.DeleteFunc(following, func(i int) bool { return kept[i] }), reasons
}

func (c *choice) whyKept(i int) string {
	switch {
	case c.stays[i] != "":
		return c.stays[i]
	case c.spare[i] != "":
		return c.spare[i]
	}
	return "no rule is about it"
}

// lastTag returns the newest version that must stay after all for a tag to be
// left, or -1: a registry may refuse to remove the last, and an empty repository
// is hardly what was meant. Tags that people gave count before others.
func (c *choice) lastTag(going []int) int {
	goes := make([]bool, len(c.versions))
	for _, i := range going {
		goes[i] = true
	}
	for _, tags := range []func(int) []string{c.named, func(i int) []string { return c.versions[i].Tags }} {
		newest := -1
		left := false
		for i := range c.versions {
			if len(tags(i)) == 0 {
				continue
			}
			left = left || !goes[i]
			if newest < 0 || c.newestFirst(i, newest) < 0 {
				newest = i
			}
		}
		if newest >= 0 {
			if left {
				return -1
			}
			return newest
		}
	}
	return -1
}

// freed returns the bytes of what goes, without blobs that something else has.
func (g *graph) freed(goes []bool) (bytes int64) {
	counted := map[image.Digest]bool{}
	for i, v := range g.versions {
		if !goes[i] {
			for _, blob := range v.Blobs {
				counted[blob.Digest] = true
			}
		}
	}
	for i, v := range g.versions {
		if goes[i] {
			bytes += v.Size
			for _, blob := range v.Blobs {
				if !counted[blob.Digest] {
					counted[blob.Digest] = true
					bytes += blob.Size
				}
			}
		}
	}
	return bytes
}
