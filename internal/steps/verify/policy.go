package verify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/sigstore"
)

// Policy is the inputs that say who must have signed, and for which run. An
// identity is taken as it is. Without one it is made of the repository, the
// workflow's file and the ref, of which the image's name may tell the first and
// the last: a name is what the user typed, and nobody else's word.
type Policy struct {
	Identity       string `input:"certificate-identity"`
	IdentityRegexp string `input:"certificate-identity-regexp"`
	Issuer         string `input:"certificate-oidc-issuer"`
	Repository     string `input:"repository"` // OWNER/NAME or its URL
	Workflow       string `input:"workflow"`   // a file's name, or all of a reusable workflow's: OWNER/NAME/PATH@REF
	Ref            string `input:"ref"`        // refs/…
	Commit         string `input:"commit"`     // in hexadecimal digits
}

// Expected is who must have signed, and for which run. What is empty is not asked.
type Expected struct {
	sigstore.Identity
	Repository string   `json:"repository,omitempty"` // its URL
	Ref        string   `json:"ref,omitempty"`
	Commit     string   `json:"commit,omitempty"`
	Derived    []string `json:"derived,omitempty"` // how what was not given was found
}

// String describes it for people, without what the identity says already.
func (e Expected) String() string {
	text := e.Identity.String()
	if e.Repository != "" && !strings.HasPrefix(e.Subject, e.Repository+"/") {
		text += ", repository " + e.Repository
	}
	if e.Ref != "" && !strings.HasSuffix(e.Subject, "@"+e.Ref) {
		text += ", ref " + e.Ref
	}
	if e.Commit != "" {
		text += ", commit " + e.Commit
	}
	return text
}

const (
	github          = "https://github.com"
	workflows       = ".github/workflows/"
	defaultWorkflow = "release.yml"
	ghcr            = "ghcr.io"
	tags            = "refs/tags/"
)

var (
	repositoryGrammar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	workflowGrammar   = regexp.MustCompile(`^[^/@\s]+\.ya?ml$`)
	reusableGrammar   = regexp.MustCompile(`^[^/@\s]+/[^/@\s]+/\.github/workflows/[^/@\s]+\.ya?ml@\S+$`)
	refGrammar        = regexp.MustCompile(`^refs/[^\s:?*\[\\^~]+$`)
	commitGrammar     = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
)

// Validate checks what was given.
func (p Policy) Validate() error {
	var errs []error
	switch {
	case p.Identity != "" && p.IdentityRegexp != "":
		errs = append(errs, hint.New("inputs \"certificate-identity\" and \"certificate-identity-regexp\" are both given", "leave out one of them"))
	case p.given() && p.Workflow != "":
		errs = append(errs, hint.New("inputs \"workflow\" and \"certificate-identity\" both say which workflow must have signed", "leave out one of them"))
	case p.given():
		errs = append(errs, p.identity().Validate())
	case p.Issuer == "":
		errs = append(errs, errors.New("input \"certificate-oidc-issuer\" is empty"))
	}
	if _, path := p.repository(); p.Repository != "" && !repositoryGrammar.MatchString(path) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"repository\": %q is not OWNER/NAME", p.Repository), "write it as in \"acme/app\""))
	}
	if name := strings.TrimPrefix(p.Workflow, workflows); name != "" && !workflowGrammar.MatchString(name) && !reusableGrammar.MatchString(name) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"workflow\": %q is not the name of a workflow's file", p.Workflow),
			"write it as in \"release.yml\", or all of a reusable workflow's, as in \"acme/shared/.github/workflows/release.yml@refs/heads/main\""))
	}
	if p.Ref != "" && !refGrammar.MatchString(p.Ref) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"ref\": %q is not a full git ref", p.Ref), "write it as in \"refs/tags/v1.2.3\" or \"refs/heads/main\""))
	}
	if p.Commit != "" && !commitGrammar.MatchString(p.Commit) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"commit\": %q is not a commit", p.Commit), "write all of its 40 hexadecimal digits, as \"git rev-parse HEAD\" prints them"))
	}
	return errors.Join(errs...)
}

// given reports whether the input says itself who must have signed.
func (p Policy) given() bool { return p.Identity != "" || p.IdentityRegexp != "" }

func (p Policy) identity() sigstore.Identity {
	return sigstore.Identity{Subject: p.Identity, SubjectRegexp: p.IdentityRegexp, Issuer: p.Issuer}
}

// repository returns the server and the path of the input, both "" without it.
func (p Policy) repository() (server, path string) {
	if p.Repository == "" {
		return "", ""
	}
	text := strings.TrimSuffix(strings.TrimSuffix(p.Repository, "/"), ".git")
	if u, err := url.Parse(text); err == nil && u.Scheme == "https" && u.Host != "" {
		return "https://" + u.Host, strings.TrimPrefix(u.Path, "/")
	}
	return github, text
}

// sourceOf returns the repository that an image says it is from, in a label: whoever
// made it wrote that. It corrects the spelling of what is known, and is told to the
// user.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
func sourceOf(labels map[string]string) string {
	return strings.TrimSuffix(strings.TrimSuffix(labels["org.opencontainers.image.source"], "/"), ".git")
}

// expect returns who must have signed images, which are one image: key where
// that is the identity of one. Where a name leaves it open which of two refs was
// released it is both, of which one has to be chosen for everything. What can't be
// found out is an error, whatever the source that the image tells, and nothing is
// guessed.
func (p Policy) expect(images []image.Ref, source string, key sigstore.Identity) ([]Expected, error) {
	e := Expected{Identity: p.identity(), Ref: p.Ref, Commit: p.Commit}
	server, path := p.repository()
	if path != "" {
		e.Repository = server + "/" + path
	}
	switch {
	case key.Key != "":
		e.Identity = key
		return []Expected{e}, nil
	case p.given():
		return []Expected{e}, nil
	}
	var errs []error
	if path == "" {
		errs = append(errs, e.deriveRepository(images, source))
	}
	all := []Expected{e}
	if p.Ref == "" {
		var err error
		all, err = e.deriveRefs(images)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for n := range all {
		name := strings.TrimPrefix(p.Workflow, workflows)
		if strings.Contains(name, "@") {
			all[n].Subject = cmp.Or(server, github) + "/" + name
		} else {
			all[n].Subject = e.Repository + "/" + workflows + cmp.Or(name, defaultWorkflow) + "@" + all[n].Ref
		}
	}
	return all, nil
}

// deriveRepository takes ghcr.io/OWNER/NAME for the image of OWNER/NAME. Of
// other registries nothing follows: who has a name there need not have it on
// GitHub. Registries write small letters only, so that an image's label may tell
// how the repository spells itself; names that differ in that are one on GitHub.
func (e *Expected) deriveRepository(images []image.Ref, source string) error {
	var paths []string
	for _, ref := range images {
		if path := ref.Repository.Path(); ref.Repository.Host() == ghcr && strings.Count(path, "/") == 1 && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	if len(paths) != 1 {
		return hint.New("who must have signed is not known: no image is named ghcr.io/OWNER/NAME, or several are",
			"give the input \"repository\", as in \"acme/app\"")
	}
	e.Repository = github + "/" + paths[0]
	if strings.EqualFold(source, e.Repository) {
		e.Repository = source
	}
	e.Derived = append(e.Derived, fmt.Sprintf("repository %s from the name %s/%s", e.Repository, ghcr, paths[0]))
	return nil
}

// deriveRefs takes an image tag that is a version for the git tag of it. The
// usual rules cut off a v, so that one without may be of either.
func (e Expected) deriveRefs(images []image.Ref) ([]Expected, error) {
	var versions []string
	for _, ref := range images {
		if _, err := release.ParseVersion(ref.Tag); err == nil && !slices.Contains(versions, ref.Tag) {
			versions = append(versions, ref.Tag)
		}
	}
	if len(versions) != 1 {
		return nil, hint.New("the ref that was signed for is not known: no image has a tag that names one version, or several have",
			"give the input \"ref\", as in \"refs/tags/v1.2.3\" or \"refs/heads/main\"")
	}
	refs := []string{tags + versions[0]}
	if !strings.HasPrefix(versions[0], "v") {
		refs = []string{tags + "v" + versions[0], tags + versions[0]}
	}
	var all []Expected
	for _, ref := range refs {
		one := e
		one.Ref = ref
		one.Derived = append(slices.Clone(e.Derived), fmt.Sprintf("ref %s from the tag %s", ref, versions[0]))
		all = append(all, one)
	}
	return all, nil
}

// doubt says where else a refused image may be from, by its own word: another
// repository of the same owner, as where one builds several images.
func (e Expected) doubt(source string) string {
	owner := e.Repository[:strings.LastIndex(e.Repository, "/")+1]
	if len(e.Derived) == 0 || owner == "" || source == "" || strings.EqualFold(source, e.Repository) {
		return ""
	}
	rest, same := strings.CutPrefix(strings.ToLower(source), strings.ToLower(owner))
	if !same || strings.Contains(rest, "/") {
		return ""
	}
	return fmt.Sprintf("the image says of itself that it is from %q: if you know that to be so, give it as the input \"repository\"", source)
}

// run checks that a signature was made for the run that is expected.
func (e Expected) run(s sigstore.Source) error {
	if e.Repository != "" && !strings.EqualFold(s.Repository, e.Repository) {
		return fmt.Errorf("signed for a run of %q, not of %q", s.Repository, e.Repository)
	}
	if e.Ref != "" && s.Ref != e.Ref {
		return fmt.Errorf("signed for a run at %q, not at %q", s.Ref, e.Ref)
	}
	if e.Commit != "" && s.Commit != e.Commit {
		return fmt.Errorf("signed for a run of commit %q, not %q", s.Commit, e.Commit)
	}
	return nil
}
