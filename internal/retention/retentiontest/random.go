package retentiontest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

const (
	index = "application/vnd.oci.image.index.v1+json"
	item  = "application/vnd.oci.image.manifest.v1+json"
	day   = 24 * time.Hour
)

// Random returns a registry as years of releases leave it: indexes, some of
// them nested, that share images; signatures of each kind; tags that moved on;
// interrupted releases, orphans, holes, and what can't be read.
func Random(seed uint64) *Registry {
	repository, err := image.ParseRepository("ghcr.io/acme/app")
	if err != nil {
		panic(err) // a constant
	}
	g := &generator{rand.New(rand.NewPCG(seed, 1)), New(repository, time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)), nil, 0} //nolint:gosec // a test that can be repeated
	g.TagsOnly = g.one(8)
	end := g.Now
	for n := 1 + g.IntN(10); n > 0; n-- {
		g.Now = end.Add(-time.Duration(g.IntN(400*24)) * time.Hour)
		if g.one(5) {
			g.Now = end.Add(-time.Duration(g.IntN(30)) * time.Hour)
		}
		g.release()
	}
	g.Now = end
	g.spoil()
	return g.Registry
}

type generator struct {
	*rand.Rand
	*Registry
	images []image.Digest // to be shared
	count  int
}

// one reports true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func (g *generator) fresh() image.Digest {
	g.count++
	return Digest(fmt.Sprint(g.count, " ", g.Uint64()))
}

// release pushes one image, as far as it gets.
func (g *generator) release() {
	root := g.index(2)
	if g.one(6) {
		root = g.image()
	}
	if !g.one(4) {
		g.sign(root, 2)
	}
	if g.one(6) {
		return // interrupted, or without a tag by design
	}
	for range 1 + g.IntN(3) {
		g.Push(retention.Version{Digest: root, Tags: []string{g.tag()}, Pushed: g.Now})
	}
}

func (g *generator) tag() string {
	major, minor, patch, n := g.IntN(3), g.IntN(3), g.IntN(4), g.IntN(6)
	forms := []string{
		"latest", "stable", "edge", "main",
		fmt.Sprintf("v%d.%d.%d", major, minor, patch), fmt.Sprintf("%d.%d.%d", major, minor, patch), fmt.Sprintf("%d.%d", major, minor),
		fmt.Sprintf("%d.%d.%d-rc.%d", major, minor, patch, n), fmt.Sprintf("%d.%d.%d-alpine", major, minor, patch),
		fmt.Sprintf("pr-%d", n), fmt.Sprintf("sha-%07x", n), fmt.Sprintf("app-%d.%d.%d", major, minor, patch),
	}
	return forms[g.IntN(len(forms))]
}

func (g *generator) image() image.Digest {
	if len(g.images) > 0 && g.one(3) {
		return g.images[g.IntN(len(g.images))]
	}
	blobs := []retention.Blob{{Digest: Digest(fmt.Sprint("layer ", g.IntN(20))), Size: 1000}}
	d := g.Push(retention.Version{Digest: g.fresh(), MediaType: item, Size: 500, Blobs: blobs, Pushed: g.Now})
	g.images = append(g.images, d)
	if g.one(3) {
		g.sign(d, 1)
	}
	if g.one(12) {
		g.Push(retention.Version{Digest: d, Tags: []string{g.tag() + "-amd64"}, Pushed: g.Now})
	}
	return d
}

func (g *generator) index(depth int) image.Digest {
	v := retention.Version{Digest: g.fresh(), MediaType: index, Size: 800, Pushed: g.Now}
	for p := range 1 + g.IntN(4) {
		child := g.image()
		if depth > 0 && g.one(8) {
			child = g.index(depth - 1)
		}
		v.Children = append(v.Children, retention.Child{Digest: child, Platform: fmt.Sprint("linux/", p)})
		if g.one(2) {
			attestation := g.Push(retention.Version{Digest: g.fresh(), MediaType: item, Pushed: g.Now})
			v.Children = append(v.Children, retention.Child{Digest: attestation, Platform: "unknown/unknown", Attests: child})
		}
	}
	return g.Push(v)
}

// sign attaches artifacts by one of the ways that there are; some are signed
// themselves.
func (g *generator) sign(subject image.Digest, depth int) {
	for range 1 + g.IntN(2) {
		v := retention.Version{Digest: g.fresh(), MediaType: item, ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json", Pushed: g.Now}
		switch g.IntN(4) {
		case 0:
			v.Tags = []string{"sha256-" + subject.Hex() + []string{".sig", ".att", ".sbom"}[g.IntN(3)]}
		case 1:
			v.Subject = subject
			g.Push(v)
			fallback := retention.Version{Digest: g.fresh(), MediaType: index, Pushed: g.Now, Tags: []string{"sha256-" + subject.Hex()}}
			for _, d := range g.discover(subject) {
				if g.versions[d].Subject == subject {
					fallback.Children = append(fallback.Children, retention.Child{Digest: d})
				}
			}
			v = fallback
		default:
			v.Subject = subject
		}
		g.Push(v)
		if depth > 0 && g.one(6) {
			g.sign(v.Digest, depth-1)
		}
	}
}

// spoil makes of a registry what registries become.
func (g *generator) spoil() {
	some := func() *retention.Version { return g.versions[g.order[g.IntN(len(g.order))]] }
	if g.one(4) {
		for range 1 + g.IntN(3) {
			g.Delete(some().Digest)
			if len(g.order) == 0 {
				return
			}
		}
	}
	if g.one(8) {
		g.Hidden[some().Digest] = true
	}
	if g.one(8) {
		some().Gone = true
	}
	if g.one(8) {
		some().Locked = "it has more than 5,000 downloads"
	}
	if g.one(8) {
		some().Pushed = time.Time{}
	}
	if g.one(8) { // what nobody would do: a circle, through a tag
		g.Push(retention.Version{Digest: some().Digest, Tags: []string{"sha256-" + some().Digest.Hex()}, Pushed: g.Now})
	}
}

// RandomPolicy returns a policy of up to four rules.
func RandomPolicy(seed uint64) retention.Policy {
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a test that can be repeated
	p := retention.Policy{Grace: retention.Age(day), Protect: patterns([]string{"latest\nstable\n>=0", "latest", "", "/^v1/"}[r.IntN(4)])}
	for range 1 + r.IntN(4) {
		rule := retention.Rule{
			DeleteTags: patterns([]string{"", "*", "pr-*", "/^sha-|edge/", "<2.0.0", "~1.1, v*"}[r.IntN(6)]),
			KeepTags:   patterns([]string{"", "", "main", "^2"}[r.IntN(4)]),
			Untagged:   r.IntN(2) == 0, PreReleases: r.IntN(3) == 0, Orphans: r.IntN(3) == 0, Broken: r.IntN(3) == 0,
		}
		rule.OlderThan = retention.Age([]time.Duration{0, 0, 10 * day, 90 * day}[r.IntN(4)])
		rule.KeepNewest = []int{0, 0, 1, 3}[r.IntN(4)]
		rule.KeepLatest = retention.Latest{Count: []int{0, 0, 1, 2}[r.IntN(4)], Per: []string{"", "major", "minor"}[r.IntN(3)]}
		rule.Oldest = []int{0, 0, 0, 2}[r.IntN(4)]
		p.Rules = append(p.Rules, rule)
	}
	return p
}

func patterns(text string) retention.Patterns {
	var p retention.Patterns
	if err := p.UnmarshalText([]byte(text)); err != nil {
		panic(err) // a constant
	}
	return p
}
