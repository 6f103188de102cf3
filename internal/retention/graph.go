package retention

import (
	"fmt"
	"slices"

	"github.com/org/release-actions/internal/image"
)

// graph is who needs whom in an inventory. Versions are their places in it.
type graph struct {
	versions []Version
	place    map[image.Digest]int
	complete bool
	tagsOnly bool
	missing  map[image.Digest]bool

	children  [][]int // the entries of an index that are there
	referrers [][]int // what belongs to a version: signatures, attestations, the list of them
	owners    [][]int // the reverse of both
	belongs   []bool  // a version that is there has it as a referrer
}

func newGraph(inv Inventory) (*graph, error) {
	n := len(inv.Versions)
	g := &graph{
		versions: inv.Versions, place: make(map[image.Digest]int, n), complete: inv.Complete, tagsOnly: inv.TagsOnly, missing: make(map[image.Digest]bool, len(inv.Missing)),
		children: make([][]int, n), referrers: make([][]int, n), owners: make([][]int, n), belongs: make([]bool, n),
	}
	for i, v := range inv.Versions {
		if _, twice := g.place[v.Digest]; twice {
			return nil, fmt.Errorf("%s lists %s twice", inv.Repository, v.Digest)
		}
		g.place[v.Digest] = i
	}
	for _, d := range inv.Missing {
		g.missing[d] = true
	}
	for i, v := range inv.Versions {
		g.refer(i, v.Subject)
		for _, tag := range v.Tags {
			if subject, ok := tagSubject(tag); ok {
				g.refer(i, subject)
			}
		}
		for _, child := range v.Children {
			c, there := g.place[child.Digest]
			if !there || c == i {
				continue
			}
			g.children[i] = append(g.children[i], c)
			g.owners[c] = append(g.owners[c], i)
			g.refer(c, child.Attests)
		}
	}
	return g, nil
}

// refer notes that version i belongs to subject.
func (g *graph) refer(i int, subject image.Digest) {
	s, there := g.place[subject]
	if there && s != i {
		g.referrers[s] = append(g.referrers[s], i)
		g.owners[i] = append(g.owners[i], s)
		g.belongs[i] = true
	}
}

// isMissing reports whether a digest is known not to be there.
func (g *graph) isMissing(d image.Digest) bool {
	if i, there := g.place[d]; there {
		return g.versions[i].Gone
	}
	return g.complete || g.missing[d]
}

// named returns the tags of version i that people gave it, without those that
// list or hold what belongs to another version.
func (g *graph) named(i int) []string {
	var tags []string
	for _, tag := range g.versions[i].Tags {
		if _, ok := tagSubject(tag); !ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

// isOrphan reports whether a version belongs to others, and none of them is
// there.
func (g *graph) isOrphan(i int) bool {
	subjects := 0
	for _, d := range g.refersTo(i) {
		if !g.isMissing(d) {
			return false
		}
		subjects++
	}
	return subjects > 0
}

// refersTo returns what a version itself says that it belongs to.
func (g *graph) refersTo(i int) []image.Digest {
	var digests []image.Digest
	v := g.versions[i]
	if v.Subject != "" {
		digests = append(digests, v.Subject)
	}
	for _, tag := range v.Tags {
		if subject, ok := tagSubject(tag); ok {
			digests = append(digests, subject)
		}
	}
	return digests
}

// isBroken reports whether an index lacks the image of a platform. The list of
// a version's referrers is no such index.
func (g *graph) isBroken(i int) bool {
	if len(g.refersTo(i)) > 0 {
		return false
	}
	if g.versions[i].Gone {
		return true
	}
	for _, child := range g.versions[i].Children {
		if child.Attests == "" && g.isMissing(child.Digest) {
			return true
		}
	}
	return false
}

// mayNeedAnything reports whether a version may be an index that nobody could
// read.
func (g *graph) mayNeedAnything(i int) bool {
	switch g.versions[i].MediaType {
	case "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json":
		return false
	}
	return g.versions[i].Unreadable != ""
}

// own calls visit with what goes where version i goes: its entries, and what
// belongs to it.
func (g *graph) own(i int, visit func(int)) {
	for _, list := range [][]int{g.children[i], g.referrers[i]} {
		for _, j := range list {
			visit(j)
		}
	}
}

// need calls visit with what stays where version i stays: its own, and its
// subject, since some registries remove referrers together with that.
func (g *graph) need(i int, visit func(int)) {
	g.own(i, visit)
	if s, there := g.place[g.versions[i].Subject]; there {
		visit(s)
	}
}

// spread marks roots, and with each version all that next leads to. It returns
// what it has marked, roots first.
func (g *graph) spread(roots []int, marked []bool, next func(int, func(int)), because func(i, root int)) []int {
	var found []int
	mark := func(i, from int) {
		if !marked[i] {
			marked[i] = true
			found = append(found, i)
			because(i, from)
		}
	}
	for _, i := range roots {
		mark(i, i)
	}
	for at := 0; at < len(found); at++ {
		next(found[at], func(i int) { mark(i, found[at]) })
	}
	return found
}

// order sorts what goes so that each version comes before what it owns. A
// signature goes after its image, since a tag that is put on the image meanwhile
// saves both.
func (g *graph) order(going []int) []int {
	waiting := make([]bool, len(g.versions))
	for _, i := range going {
		waiting[i] = true
	}
	var placed []int // the last first
	var place func(i int)
	place = func(i int) {
		if waiting[i] {
			waiting[i] = false
			g.own(i, place)
			placed = append(placed, i)
		}
	}
	for _, i := range going {
		place(i)
	}
	slices.Reverse(placed)
	return placed
}

// name returns what people know a version by.
func (g *graph) name(i int) string {
	if named := g.named(i); len(named) > 0 {
		return named[0]
	}
	return short(g.versions[i].Digest)
}

func short(d image.Digest) string {
	const length = len("sha256:") + 12
	return string(d)[:min(length, len(d))]
}
