package cleanup

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

var errInterrupted = errors.New("interrupted")

// memory is a journal that outlives the run that writes it.
type memory struct{ entries []entry }

func (m *memory) note(e entry) error {
	m.entries = append(m.entries, e)
	return nil
}

// While a run removes things, others push, sign and tag; then it is interrupted.
// Whatever has a tag at the end pulls whole, with all signatures that it had or
// got.
func TestNothingBreaksWhileOthersPush(t *testing.T) {
	t.Parallel()
	const seeds = 10_000
	removed, saved := 0, 0
	for seed := range uint64(seeds) {
		r := retentiontest.Random(seed)
		random := rand.New(rand.NewPCG(seed, 3))
		policy := retentiontest.RandomPolicy(seed)
		plan, err := retention.New(r.Inventory(), policy, nil, r.Now)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{registries: map[image.Repository]*retentiontest.Registry{r.Repository: r}, seen: map[image.Digest]string{}, gone: map[image.Digest]retention.Version{}, now: r.Now}
		if _, err := w.List(t.Context(), r.Repository); err != nil {
			t.Fatal(err)
		}
		o := others{r, random, map[string]image.Digest{}, map[string]map[image.Digest]bool{}, 0}
		o.look()
		stop := random.IntN(len(plan.Deletions())*2 + 2)
		w.before = func(method string, _ image.Digest) error {
			if method == "recheck" {
				o.act()
			}
			if stop--; stop < 0 {
				return errInterrupted
			}
			return nil
		}
		document := Document{Repositories: []*Repository{newRepository(plan)}}
		deps := w.deps()
		deps.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
		if err := remove(t.Context(), deps, &memory{}, &document); errors.Is(err, errInterrupted) != (stop < 0) {
			t.Fatalf("seed %d: error %v with %d calls left", seed, err, stop)
		}
		for tag, d := range r.Named() {
			if err := r.Broken(d, o.pulled[tag]); err != nil {
				t.Fatalf("seed %d: tag %q: %v\n%v\n%v", seed, tag, err, w.calls, document.Repositories[0].Outcomes)
			}
		}
		for _, outcome := range document.Repositories[0].Outcomes {
			if outcome.Spared != "" {
				saved++
			}
			if !outcome.Deleted.IsZero() {
				removed++
			}
		}
	}
	if removed < seeds || saved < seeds/10 {
		t.Errorf("only %d versions were removed, and %d saved", removed, saved)
	}
	t.Logf("%d versions removed, %d saved", removed, saved)
}

// others are the people who push meanwhile.
type others struct {
	*retentiontest.Registry
	*rand.Rand
	tagged map[string]image.Digest
	pulled map[string]map[image.Digest]bool // all that each tag has had since it was put there
	count  int
}

// look notes what each tag has.
func (o *others) look() {
	for tag, d := range o.Named() {
		if o.tagged[tag] != d {
			o.tagged[tag], o.pulled[tag] = d, map[image.Digest]bool{}
		}
		maps.Copy(o.pulled[tag], o.Pull(d))
	}
}

// act pushes something that needs what is there, one time in three.
func (o *others) act() {
	all := o.Digests()
	if o.TagsOnly { // what has lost its tag counts as gone
		all = slices.DeleteFunc(all, func(d image.Digest) bool { return len(o.Version(d).Tags) == 0 })
	}
	if len(all) == 0 || o.IntN(3) > 0 {
		return
	}
	o.count++
	d := all[o.IntN(len(all))]
	v := retention.Version{Digest: retentiontest.Digest(fmt.Sprint("new ", o.count, o.Uint64())), Pushed: o.Now}
	tag := fmt.Sprintf("new-%d", o.count)
	switch o.IntN(4) {
	case 0: // tags something
		v = retention.Version{Digest: d, Tags: []string{tag}, Pushed: o.Now}
	case 1: // builds an index of what is there
		v.Tags = []string{tag}
		for range 1 + o.IntN(2) {
			v.Children = append(v.Children, retention.Child{Digest: all[o.IntN(len(all))]})
		}
	case 2: // signs
		v.Subject = d
	default: // signs as cosign 2 does, the first time
		v.Tags = []string{"sha256-" + d.Hex() + ".sig"}
		for _, other := range all {
			if slices.Contains(o.Version(other).Tags, v.Tags[0]) {
				return
			}
		}
	}
	o.Push(v)
	o.look()
}
