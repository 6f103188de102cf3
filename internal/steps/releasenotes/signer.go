package releasenotes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/notes"
)

// logEntry is the page that shows an entry of the public log of version 1.
const logEntry = "https://search.sigstore.dev/?logIndex=%d"

// signer tells who signed the image, and what, by the bundles. Without these it
// is who is given, and the signature is all that is known.
func (c Config) signer(d Deps, r notes.Release, files []ghapi.File) (*notes.Signer, error) {
	s := &notes.Signer{AtGitHub: c.PushToGitHub}
	if c.TrustedRoot != "" {
		s.TrustedRoot = filepath.Base(c.TrustedRoot)
	}
	subjects := subjects(r)
	var by signer
	for _, path := range c.Bundles {
		e, err := readBundle(path)
		if err != nil {
			return nil, err
		}
		n := slices.IndexFunc(subjects, func(s notes.Subject) bool { return s.Digest == e.about })
		if n < 0 { // of a file, or of another image
			continue
		}
		if by == (signer{}) {
			by, s.Timestamps = e.by, !e.logged && !e.by.github
		}
		if e.by != by {
			d.Log.Warn("left out of the section, since somebody else signed it", "bundle", path)
			continue
		}
		evidence := notes.Evidence{Kind: e.kind, File: asset(files, path)}
		if e.logged && c.TrustedRoot == "" {
			evidence.LogIndex, evidence.Log = e.logIndex, fmt.Sprintf(logEntry, e.logIndex)
		}
		subjects[n].Evidence = append(subjects[n].Evidence, evidence)
		if n == 0 && !slices.Contains(s.Kinds, e.kind) {
			s.Kinds = append(s.Kinds, e.kind)
		}
	}
	switch {
	case by != (signer{}):
		notes.Sort(s.Kinds)
		s.Subjects, s.Identity, s.Issuer, s.Key, s.GitHub = subjects, by.identity, by.issuer, by.key, by.github
		if by.repository != "" && !strings.EqualFold(by.repository, path(by.identity)) {
			s.Repository = by.repository
		}
	case c.Identity != "":
		s.Identity, s.Issuer, s.Kinds = c.Identity, c.Issuer, []string{notes.Signature}
	default:
		return nil, nil
	}
	return s, nil
}

// subjects are the index, if there is one, and the image of each platform.
func subjects(r notes.Release) (all []notes.Subject) {
	if !slices.ContainsFunc(r.Platforms, func(p notes.Platform) bool { return p.Digest == r.Digest }) {
		all = append(all, notes.Subject{Name: "index", Digest: r.Digest})
	}
	for _, p := range r.Platforms {
		all = append(all, notes.Subject{Name: p.Platform.String(), Digest: p.Digest})
	}
	return all
}

func readBundle(path string) (claim, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return claim{}, fmt.Errorf("input \"bundles\": %w", err)
	}
	e, err := parseBundle(text)
	if err != nil {
		return claim{}, hint.Wrap(fmt.Errorf("input \"bundles\": %q is no Sigstore bundle with a statement: %w", path, err), "give the outputs \"bundles\" of sign and attest")
	}
	return e, nil
}
