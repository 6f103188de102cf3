package ghapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
)

// pagesAtOnce bounds the requests at once of one listing.
const pagesAtOnce = 8

// What GitHub never deletes, by errors.Is.
var (
	ErrLastTagged      = errors.New("the last tagged version of a package")
	ErrManyDownloads   = errors.New("a public version with more than 5,000 downloads")
	errPackageUnstable = errors.New("it changes while it is listed")
)

// Package is a container image's package on GitHub. Its name may have slashes.
//
// https://docs.github.com/rest/packages/packages
type Package struct {
	Name     string    `json:"name"` // below the owner: "hello/sub"
	Versions int       `json:"version_count"`
	Updated  time.Time `json:"updated_at"`

	// collection is the path of the owner's packages, which differs between
	// users and organisations.
	collection, owner string
}

// String returns "owner/name".
func (p Package) String() string { return p.owner + "/" + p.Name }

func (p Package) path(parts ...string) string {
	path := p.collection + "/container/" + url.PathEscape(p.Name)
	for _, part := range parts {
		path += "/" + part
	}
	return path
}

// PackageVersion is a manifest or an index in a package.
type PackageVersion struct {
	ID      int64     `json:"id"`
	Digest  string    `json:"name"` // "sha256:…"
	Created time.Time `json:"created_at"`
	Updated time.Time `json:"updated_at"`
	// Deleted is when it was deleted, in a listing of those.
	Deleted  time.Time `json:"deleted_at"`
	Metadata struct {
		Container struct {
			Tags []string `json:"tags"`
		} `json:"container"`
	} `json:"metadata"`
}

// Tags returns the tags that name the version.
func (v PackageVersion) Tags() []string { return v.Metadata.Container.Tags }

// collections are the paths under which an owner's packages may be: those of
// an organisation, or of a user.
func collections(owner string) []string {
	owner = url.PathEscape(owner)
	return []string{"orgs/" + owner + "/packages", "users/" + owner + "/packages"}
}

// Packages lists the container packages of a user or an organisation that the
// token may read.
func (c *Client) Packages(ctx context.Context, owner string) (all []Package, err error) {
	for _, collection := range collections(owner) {
		all = nil
		for page := 1; page != 0 && err == nil; {
			var resp *pageInfo
			var found []Package
			resp, err = c.page(ctx, collection+"?package_type=container", page, &found)
			all = append(all, found...)
			page = resp.next
		}
		if !errors.Is(err, ErrNotFound) {
			for n := range all {
				all[n].collection, all[n].owner = collection, owner
			}
			return all, wrap(packageScope(err, "read:packages"), "list the packages of %q", owner)
		}
		err = nil
	}
	return nil, hint.New(fmt.Sprintf("GitHub has no user or organisation %q whose packages the token may read", owner), "%s", packagesMend("read:packages"))
}

// Package returns the container package of that name.
func (c *Client) Package(ctx context.Context, owner, name string) (p Package, err error) {
	for _, collection := range collections(owner) {
		if p, err = c.again(ctx, Package{Name: name, collection: collection, owner: owner}); !errors.Is(err, ErrNotFound) {
			break
		}
	}
	return p, err
}

// again reads a package once more.
func (c *Client) again(ctx context.Context, p Package) (Package, error) {
	_, err := c.call(ctx, http.MethodGet, p.path(), nil, &p)
	return p, wrap(packageScope(err, "read:packages"), "read the package %q", p)
}

// PackageVersions lists all versions of a package as they are at one moment,
// the newest first: where the package changes in between, the listing is made
// again, and given up after some times.
func (c *Client) PackageVersions(ctx context.Context, p Package) ([]PackageVersion, error) {
	var earlier []PackageVersion
	for try := 0; ; try++ {
		before, err := c.again(ctx, p)
		if err != nil {
			return nil, err
		}
		versions, err := c.packageVersions(ctx, p, "active")
		if err != nil {
			return nil, wrap(packageScope(err, "read:packages"), "list the versions of %q", p)
		}
		after, err := c.again(ctx, p)
		if err != nil {
			return nil, err
		}
		switch {
		case !distinct(versions): // something was pushed, and moved the pages
		case before == after && after.Versions == len(versions), reflect.DeepEqual(versions, earlier):
			return versions, nil
		}
		if try == 3 {
			return nil, hint.Wrap(wrap(errPackageUnstable, "list the versions of %q", p), "run the job again when nothing is pushed or deleted there")
		}
		earlier = versions
	}
}

// NewestPackageVersions lists the versions that were created last, a hundred at most.
func (c *Client) NewestPackageVersions(ctx context.Context, p Package) (versions []PackageVersion, err error) {
	_, err = c.page(ctx, p.path("versions")+"?state=active", 1, &versions)
	return versions, wrap(packageScope(err, "read:packages"), "list the newest versions of %q", p)
}

// DeletedPackageVersions lists the versions of a package that were deleted in
// the last 30 days, which can be restored.
func (c *Client) DeletedPackageVersions(ctx context.Context, p Package) ([]PackageVersion, error) {
	versions, err := c.packageVersions(ctx, p, "deleted")
	return versions, wrap(packageScope(err, "read:packages"), "list the deleted versions of %q", p)
}

func (c *Client) packageVersions(ctx context.Context, p Package, state string) ([]PackageVersion, error) {
	path := p.path("versions") + "?state=" + state
	var first []PackageVersion
	info, err := c.page(ctx, path, 1, &first)
	if err != nil || info.last <= 1 {
		return first, err
	}
	pages := make([][]PackageVersion, info.last+1)
	pages[1] = first
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pagesAtOnce)
	for n := 2; n <= info.last; n++ {
		group.Go(func() error {
			_, err := c.page(ctx, path, n, &pages[n])
			return err
		})
	}
	err = group.Wait()
	return slices.Concat(pages...), err
}

func distinct(versions []PackageVersion) bool {
	seen := make(map[int64]bool, len(versions))
	for _, v := range versions {
		seen[v.ID] = true
	}
	return len(seen) == len(versions)
}

type pageInfo struct{ next, last int }

// page reads a page of a hundred.
func (c *Client) page(ctx context.Context, path string, page int, out any) (*pageInfo, error) {
	resp, err := c.call(ctx, http.MethodGet, path+"&per_page=100&page="+strconv.Itoa(page), nil, out)
	if err != nil {
		return &pageInfo{}, err
	}
	return &pageInfo{resp.NextPage, resp.LastPage}, nil
}

// PackageVersion reads one version. One that was deleted is ErrNotFound.
func (c *Client) PackageVersion(ctx context.Context, p Package, id int64) (v PackageVersion, err error) {
	_, err = c.call(ctx, http.MethodGet, p.path("versions", strconv.FormatInt(id, 10)), nil, &v)
	return v, wrap(packageScope(err, "read:packages"), "read version %d of %q", id, p)
}

// DeletePackageVersion deletes a version with all its tags. It can be restored
// for 30 days. What GitHub never deletes is ErrLastTagged or ErrManyDownloads;
// a version that isn't there, or which the token may not delete, ErrNotFound.
//
// https://docs.github.com/rest/packages/packages#delete-package-version-for-an-organization
func (c *Client) DeletePackageVersion(ctx context.Context, p Package, id int64) error {
	_, err := c.call(ctx, http.MethodDelete, p.path("versions", strconv.FormatInt(id, 10)), nil, nil)
	if answer := (*apiError)(nil); errors.As(err, &answer) {
		switch {
		case strings.Contains(answer.text, "last tagged version"), strings.Contains(answer.text, "last version"):
			err = hint.Wrap(&apiError{answer.text, ErrLastTagged, answer.cause}, "delete the package itself in its settings, if nothing of it is needed")
		case strings.Contains(answer.text, "downloads"):
			err = hint.Wrap(&apiError{answer.text, ErrManyDownloads, answer.cause}, "keep it, or ask GitHub's support")
		}
	}
	return wrap(packageScope(err, "read:packages", "delete:packages"), "delete version %d of %q", id, p)
}

// RestorePackageVersion brings back a version that was deleted in the last 30
// days, with its tags.
//
// https://docs.github.com/rest/packages/packages#restore-package-version-for-an-organization
func (c *Client) RestorePackageVersion(ctx context.Context, p Package, id int64) error {
	_, err := c.call(ctx, http.MethodPost, p.path("versions", strconv.FormatInt(id, 10), "restore"), nil, nil)
	return wrap(packageScope(err, "read:packages", "write:packages"), "restore version %d of %q", id, p)
}

// packageScope puts the mend of packages in the place of that of repositories.
func packageScope(err error, scopes ...string) error {
	var answer *apiError
	if !errors.As(err, &answer) || (answer.kind != ErrForbidden && answer.kind != ErrNotFound) { //nolint:errorlint // the kind is the sentinel itself
		return err
	}
	if missing := missingScopes(answer, scopes); len(missing) > 0 {
		return hint.Wrap(answer, "give the token the scope %s", strings.Join(missing, " and "))
	}
	return hint.Wrap(answer, "%s", packagesMend(scopes...))
}

func packagesMend(scopes ...string) string {
	permission, role := "packages: read", "Read"
	if len(scopes) > 1 {
		permission, role = "packages: write", "Admin"
	}
	return fmt.Sprintf("check the package's name; grant %q under \"permissions:\" of the job, and give its repository the role %s in the package's "+
		"settings under \"Manage Actions access\"; or use a personal access token (classic) with %s", permission, role, strings.Join(scopes, " and "))
}

// implied are the scopes that a scope includes.
var implied = map[string][]string{"write:packages": {"read:packages"}}

// missingScopes returns which scopes a classic token lacks. Of other tokens
// GitHub doesn't tell.
func missingScopes(answer *apiError, scopes []string) []string {
	said := headerOf(answer, "X-OAuth-Scopes")
	if said == "" {
		return nil
	}
	has := map[string]bool{}
	for scope := range strings.SplitSeq(said, ",") {
		scope = strings.TrimSpace(scope)
		has[scope] = true
		for _, other := range implied[scope] {
			has[other] = true
		}
	}
	missing := map[string]bool{}
	for _, scope := range scopes {
		if !has[scope] {
			missing[fmt.Sprintf("%q", scope)] = true
		}
	}
	return slices.Sorted(maps.Keys(missing))
}
