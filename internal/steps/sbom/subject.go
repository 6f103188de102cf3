package sbom

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/anchore/packageurl-go"
	"github.com/google/uuid"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// subject is what a document is about: the image of one platform, or an index.
type subject struct {
	image    image.Pinned
	platform image.Platform // zero for an index
	created  time.Time
}

// purl returns the package URL. It names the digest, and the repository where
// the documents were made: the same digest elsewhere has the same bytes.
//
// https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
func (s subject) purl() string {
	qualifiers := map[string]string{}
	if !s.image.Repository.IsZero() {
		qualifiers["repository_url"] = s.image.Repository.String()
	}
	if s.platform.Arch != "" {
		qualifiers["arch"] = s.platform.Arch
	}
	return packageurl.NewPackageURL(packageurl.TypeOCI, "", path.Base(s.name()),
		string(s.image.Digest), packageurl.QualifiersFromMap(qualifiers), "").ToString()
}

// name is the repository, or what stands for it where an OCI layout has none.
func (s subject) name() string {
	if s.image.Repository.IsZero() {
		return "image"
	}
	return s.image.Repository.String()
}

// description says in words what the subject is.
func (s subject) description() string {
	if s.platform == (image.Platform{}) {
		return "OCI image index"
	}
	return "OCI image for " + s.platform.String()
}

// timestamp is the creation time as both formats write it.
func (s subject) timestamp() string { return s.created.UTC().Format(time.RFC3339) }

// placeholder stands for a document's identifier until its content is known.
func (s subject) placeholder() uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.purl())) }

// identify gives the document, which has placeholders, the identifier that
// derives from what it is about and what it says: equal documents have equal
// names, and different ones don't.
func (s subject) identify(document []byte) {
	placeholder := s.placeholder()
	id := uuid.NewSHA1(placeholder, document)
	for rest, old := document, []byte(placeholder.String()); ; {
		i := bytes.Index(rest, old)
		if i < 0 {
			return
		}
		rest = rest[i+copy(rest[i:], id.String()):]
	}
}

// ParseEpoch parses the value of SOURCE_DATE_EPOCH, seconds since 1970. It is
// the zero time where s is empty.
//
// https://reproducible-builds.org/specs/source-date-epoch/
func ParseEpoch(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	// The formats write years with four digits.
	if t := time.Unix(seconds, 0).UTC(); err == nil && seconds >= 0 && t.Year() <= 9999 {
		return t, nil
	}
	return time.Time{}, hint.Wrap(fmt.Errorf("SOURCE_DATE_EPOCH %q is not a number of seconds since 1970", s),
		"set it as \"git log -1 --format=%%ct\" prints it, or not at all")
}
