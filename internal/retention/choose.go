package retention

import (
	"fmt"
	"slices"
	"time"
)

// choice is what the policy says about each version by itself, whatever others
// need: a reason why it stays or why it goes, and never both.
type choice struct {
	*graph
	young []bool // it, or something of its own, may be part of a release on its way
	now   time.Time
	grace time.Duration
	stays []string // whatever a rule says
	goes  []string
	spare []string // why a rule that is about it lets it stay
}

// choose applies the policy. begun are versions that an earlier run had decided
// to remove.
func (g *graph) choose(p Policy, begun []int, now time.Time) *choice {
	n := len(g.versions)
	c := &choice{graph: g, now: now, grace: p.Grace.Duration(), stays: make([]string, n), goes: make([]string, n), spare: make([]string, n)}
	c.markYoung()
	for i := range g.versions {
		c.stays[i] = c.fixed(i, p.Protect)
	}
	c.holdUnknown()
	for _, i := range begun {
		if c.stays[i] == "" && len(g.named(i)) == 0 {
			c.goes[i] = "an earlier run began to remove it"
		}
	}
	for n, rule := range p.Rules {
		c.apply(fmt.Sprintf("rule %d: ", n+1), rule)
	}
	return c
}

// fixed says why a version stays whatever the rules are, or "".
func (c *choice) fixed(i int, protect Patterns) string {
	v := c.versions[i]
	switch {
	case v.Unreadable != "":
		return "can't be read: " + v.Unreadable
	case v.Locked != "":
		return "can't be removed: " + v.Locked
	case c.tagsOnly && len(v.Tags) == 0:
		return "can't be removed: the registry removes nothing but tags"
	case protect.digest(v.Digest):
		return "protected"
	}
	named := c.named(i)
	for _, tag := range named {
		if by := protect.tag(tag); by != "" {
			return fmt.Sprintf("tag %q is protected by %q", tag, by)
		}
	}
	if len(named) > 0 {
		return ""
	}
	// What belongs to a tagged version goes with it at any age, and so do the images
	// of a young index. Of an old index, one that is young was pushed once more.
	pushedAgain := c.isYoung(i) && !c.belongs[i] && !slices.ContainsFunc(c.owners[i], c.isYoung)
	if pushedAgain || c.isLoose(i) && c.young[i] {
		return fmt.Sprintf("pushed less than %s ago: it may be a release on its way", Age(c.grace))
	}
	return ""
}

func (c *choice) isYoung(i int) bool {
	pushed := c.versions[i].Pushed
	return pushed.IsZero() || c.now.Sub(pushed) < c.grace
}

// isLoose reports whether a version has no name, and no other that is there
// needs it.
func (c *choice) isLoose(i int) bool {
	return len(c.named(i)) == 0 && len(c.owners[i]) == 0
}

// markYoung finds what is young, or owns what is: who signs an untagged digest is
// about to release it.
func (c *choice) markYoung() {
	c.young = make([]bool, len(c.versions))
	var young []int
	for i := range c.versions {
		if c.isYoung(i) {
			young = append(young, i)
		}
	}
	c.spread(young, c.young, func(i int, visit func(int)) {
		for _, owner := range c.owners[i] {
			visit(owner)
		}
	}, func(int, int) {})
}

// holdUnknown keeps everything where a version could not be read that may be an
// index: nobody knows what it needs.
func (c *choice) holdUnknown() {
	unknown := slices.IndexFunc(c.versions, func(v Version) bool { return c.mayNeedAnything(c.place[v.Digest]) })
	if unknown < 0 {
		return
	}
	why := fmt.Sprintf("%s can't be read, and may need it", c.name(unknown))
	for i := range c.versions {
		if c.stays[i] == "" {
			c.stays[i] = why
		}
	}
}

// apply chooses by one rule.
func (c *choice) apply(title string, r Rule) {
	var about []int
	why := map[int]string{}
	for i := range c.versions {
		if c.stays[i] != "" {
			continue
		}
		reason := c.about(i, r)
		if reason == "" {
			continue
		}
		if kept := c.keptTag(i, r); kept != "" {
			c.spare[i] = title + kept
			continue
		}
		why[i] = reason
		about = append(about, i)
	}
	slices.SortStableFunc(about, c.newestFirst)
	latest := c.latest(about, r.KeepLatest)
	var going []int
	for rank, i := range about {
		pushed := c.versions[i].Pushed
		switch {
		case rank < r.KeepNewest:
			c.spare[i] = fmt.Sprintf("%sone of the %d newest", title, r.KeepNewest)
		case latest[i]:
			c.spare[i] = fmt.Sprintf("%sone of the latest %s", title, r.KeepLatest)
		case r.OlderThan > 0 && (pushed.IsZero() || c.now.Sub(pushed) <= r.OlderThan.Duration()):
			c.spare[i] = fmt.Sprintf("%snot older than %s", title, r.OlderThan)
		default:
			going = append(going, i)
		}
	}
	if r.Oldest > 0 && len(going) > r.Oldest {
		for _, i := range going[:len(going)-r.Oldest] {
			c.spare[i] = fmt.Sprintf("%snot one of the %d oldest", title, r.Oldest)
		}
		going = going[len(going)-r.Oldest:]
	}
	for _, i := range going {
		if c.goes[i] == "" {
			c.goes[i] = title + why[i]
		}
	}
}

// newestFirst compares by the time of the push. Of the same time, what the
// registry lists first counts as newer, since it sorts. Of no known time is
// what is new.
func (c *choice) newestFirst(a, b int) int {
	x, y := c.versions[a].Pushed, c.versions[b].Pushed
	if x.IsZero() != y.IsZero() {
		if x.IsZero() {
			return -1
		}
		return 1
	}
	return y.Compare(x)
}

// about says why a rule is about a version, or "".
func (c *choice) about(i int, r Rule) string {
	v := c.versions[i]
	named := c.named(i)
	switch {
	case r.DeleteTags.digest(v.Digest):
		return "named by its digest"
	case r.Broken && c.isBroken(i) && !c.isYoung(i) && (len(named) > 0 || c.isLoose(i)):
		return "lacks the image of a platform"
	case r.Orphans && len(named) == 0 && c.isOrphan(i) && !c.isYoung(i):
		return fmt.Sprintf("belongs to %s, which isn't there", short(c.refersTo(i)[0]))
	case len(named) == 0:
		if r.Untagged && len(v.Tags) == 0 && c.isLoose(i) {
			return "has no tag, and nothing needs it"
		}
		return ""
	}
	reason := ""
	for _, tag := range named {
		if by := r.DeleteTags.tag(tag); by != "" {
			reason = fmt.Sprintf("tag %q matches %q", tag, by)
			continue
		}
		if version, ok := parseTag(tag); ok && version.pre() && r.PreReleases {
			reason = fmt.Sprintf("tag %q is a pre-release", tag)
			continue
		}
		return "" // a tag that isn't meant keeps the version
	}
	return reason
}

func (c *choice) keptTag(i int, r Rule) string {
	if r.KeepTags.digest(c.versions[i].Digest) {
		return "kept by its digest"
	}
	for _, tag := range c.named(i) {
		if by := r.KeepTags.tag(tag); by != "" {
			return fmt.Sprintf("tag %q is kept by %q", tag, by)
		}
	}
	return ""
}

// latest returns those with the highest versions among about.
func (c *choice) latest(about []int, l Latest) map[int]bool {
	type entry struct {
		tagVersion
		place int
	}
	groups := map[string][]entry{}
	if l.Count > 0 {
		for _, i := range about {
			for _, tag := range c.named(i) {
				if v, ok := parseTag(tag); ok {
					groups[l.group(v)] = append(groups[l.group(v)], entry{v, i})
				}
			}
		}
	}
	kept := map[int]bool{}
	for _, entries := range groups {
		slices.SortStableFunc(entries, func(a, b entry) int { return b.version.Compare(a.version) })
		rank := 0
		for n, e := range entries {
			if n == 0 || !e.version.Equal(entries[n-1].version) {
				rank++
			}
			if rank <= l.Count {
				kept[e.place] = true
			}
		}
	}
	return kept
}
