package releasenotes

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/notes"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/secret"
)

// Config is what a user says.
type Config struct {
	Tag        string     `input:"tag,alias=tag_name"`
	Commitish  Commitish  `input:"target-commitish,alias=target_commitish"`
	Name       string     `input:"name"`
	Body       string     `input:"body"`
	BodyPath   string     `input:"body-path,alias=body_path"`
	AppendBody bool       `input:"append-body,alias=append_body"`
	Generate   bool       `input:"generate-release-notes,alias=generate_release_notes"`
	Previous   string     `input:"previous-tag,alias=previous_tag"`
	Draft      bool       `input:"draft"`
	Prerelease Prerelease `input:"prerelease"`
	MakeLatest MakeLatest `input:"make-latest,alias=make_latest"`
	Discussion string     `input:"discussion-category-name,alias=discussion_category_name"`

	Files         []string `input:"files"`
	WorkingDir    string   `input:"working-directory,alias=working_directory"`
	FailUnmatched bool     `input:"fail-on-unmatched-files,alias=fail_on_unmatched_files"`
	Overwrite     bool     `input:"overwrite-files,alias=overwrite_files"`
	PreserveOrder bool     `input:"preserve-order,alias=preserve_order"`
	Checksums     bool     `input:"checksums"`

	Images      []image.Pinned `input:"images"`
	Tags        []image.Ref    `input:"tags"`
	Bundles     []string       `input:"bundles"`    // files
	Ecosystems  Counts         `input:"ecosystems"` // of packages
	Findings    Counts         `input:"findings"`   // by severity
	Changes     string         `input:"changes"`    // a file
	Layout      notes.Layout
	Identity    string `input:"certificate-identity"`
	Issuer      string `input:"certificate-oidc-issuer"`
	TrustedRoot string `input:"trusted-root"`

	PushToGitHub bool                 `input:"push-to-github"`
	Repository   ghapi.Repository     `input:"repository"`
	APIToken     secret.String        `input:"token"`
	Registry     registry.Credentials // its GitHubToken is for the API, too
	RetryFor     time.Duration        `input:"retry-for"`
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{image.SameDigest(c.Images), c.Registry.Validate()}
	if c.Identity != "" && c.Issuer == "" {
		errs = append(errs, hint.New(`input "certificate-oidc-issuer" is missing beside "certificate-identity"`,
			"give the issuer that the certificate names, as in \"https://token.actions.githubusercontent.com\""))
	}
	for name, value := range map[string]string{"certificate-identity": c.Identity, "certificate-oidc-issuer": c.Issuer, "trusted-root": c.TrustedRoot} {
		if strings.ContainsAny(value, "\n\r") {
			errs = append(errs, fmt.Errorf("input %q has several lines", name))
		}
	}
	repos := image.Repositories(c.Images)
	for _, tag := range c.Tags {
		if !slices.Contains(repos, tag.Repository) {
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"tags\": %q is in no repository of \"images\"", tag), "add the image to \"images\", or leave out the tag"))
		}
	}
	return errors.Join(errs...)
}

// Target returns the repository to release in: the one that is given, else
// current, the one that the run is for.
func (c Config) Target(current string) (r ghapi.Repository, err error) {
	if c.Repository != (ghapi.Repository{}) {
		return c.Repository, nil
	}
	if current == "" {
		return r, hint.New(`input "repository" is missing`, "write it as in \"octocat/hello-world\"")
	}
	return r, r.UnmarshalText([]byte(current))
}

// Token returns the token for GitHub's API.
func (c Config) Token() secret.String {
	if !c.APIToken.IsZero() {
		return c.APIToken
	}
	return c.Registry.GitHubToken
}

// Commitish is where a tag is made that isn't there: the full SHA of a commit, or
// the name of a branch; or "".
type Commitish string

var (
	fullSHA  = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	shortSHA = regexp.MustCompile(`^[0-9a-fA-F]{7,64}$`)
)

// UnmarshalText parses a full SHA or a branch's name. A cut SHA is refused, for
// GitHub takes it for a branch that isn't there.
func (c *Commitish) UnmarshalText(text []byte) error {
	name := strings.TrimPrefix(string(text), "refs/heads/")
	switch {
	case strings.ContainsAny(name, " \t\n\r:~^?*[\\"):
		return hint.Wrap(fmt.Errorf("%q is neither a commit nor a branch", text), "write ${{ github.sha }}")
	case shortSHA.MatchString(name) && !fullSHA.MatchString(name):
		return hint.Wrap(fmt.Errorf("%q is not the full SHA of a commit", text), "write ${{ github.sha }}")
	}
	*c = Commitish(name)
	return nil
}

func (c Commitish) isCommit() bool { return fullSHA.MatchString(string(c)) }

// Prerelease is whether a release is a pre-release: "true", "false", or "" or
// "auto" for what its version says.
type Prerelease string

// UnmarshalText parses auto, true or false.
func (p *Prerelease) UnmarshalText(text []byte) error {
	switch value := strings.ToLower(string(text)); value {
	case "auto", "true", "false":
		*p = Prerelease(value)
		return nil
	}
	return hint.Wrap(fmt.Errorf("%q is neither auto, true nor false", text), "write true or false, or leave it out")
}

// of returns whether a release of tag is a pre-release, given what it is so
// far. By itself it changes nothing in a release that exists.
func (p Prerelease) of(tag string, existing *ghapi.Release) bool {
	switch {
	case p == "true" || p == "false":
		return p == "true"
	case existing != nil:
		return existing.Prerelease
	}
	version, err := release.ParseVersion(tag)
	return err == nil && version.IsPrerelease()
}

// MakeLatest says whether a release becomes the repository's latest: "true",
// "false", or "legacy", by which GitHub compares versions and dates. "" is
// "legacy" where a release is published, and else leaves it as it is.
type MakeLatest string

// UnmarshalText parses true, false or legacy.
func (m *MakeLatest) UnmarshalText(text []byte) error {
	switch value := strings.ToLower(string(text)); value {
	case "true", "false", "legacy":
		*m = MakeLatest(value)
		return nil
	}
	return hint.Wrap(fmt.Errorf("%q is neither true, false nor legacy", text), "leave it out: then the highest version is the latest")
}
