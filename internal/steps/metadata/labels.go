package metadata

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// pair is a label or an annotation.
type pair struct{ key, value string }

func (p pair) String() string { return p.key + "=" + p.value }

// predefined returns the labels that every image gets.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md
func (e *evaluator) predefined(ctx context.Context, version string) (map[string]string, error) {
	about, err := e.about(ctx)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	for name, value := range map[string]string{
		"title": about.Name, "description": about.Description, "url": about.URL, "source": about.URL, "licenses": about.License.SPDX,
		"version": version, "revision": e.event.SHA, "created": e.settings.Now.Format("2006-01-02T15:04:05.000Z"),
	} {
		labels["org.opencontainers.image."+name] = value
	}
	return labels, nil
}

// override puts custom entries over the predefined labels and sorts them all.
func (e *evaluator) override(predefined map[string]string, custom List) ([]pair, error) {
	var pairs []pair
	at := map[string]int{} // where a key's pair is
	put := func(key, value string) {
		if _, ok := at[key]; !ok {
			at[key] = len(pairs)
			pairs = append(pairs, pair{key: key})
		}
		pairs[at[key]].value = value
	}
	for key, value := range predefined {
		put(key, value)
	}
	for _, entry := range custom {
		if entry.Text == "" {
			continue
		}
		text, err := e.render(entry.Text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", entry.Line, err)
		}
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			e.log.Warn(fmt.Sprintf("line %d, %q: left out, since it has no \"=\"", entry.Line, entry.Text))
			continue
		}
		put(key, value)
	}
	// The order of people's languages, "a-b" before "a.b" and "a" before "A", as
	// the peer has it. Keys that are equal there stay as they were written.
	order := collate.New(language.Und)
	slices.SortStableFunc(pairs, func(a, b pair) int { return order.CompareString(a.key, b.key) })
	return pairs, nil
}

// annotations writes pairs once for each level: "manifest:key=value".
//
// https://docs.docker.com/build/metadata/annotations/#specify-annotation-level
func annotations(pairs []pair, levels []string) []string {
	list := make([]string, 0, len(levels)*len(pairs))
	for _, level := range levels {
		for _, p := range pairs {
			list = append(list, level+":"+p.String())
		}
	}
	return list
}
