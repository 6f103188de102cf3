package sigstore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/org/release-actions/internal/hint"
)

// RekorVersions is the input that says in logs of which versions a signature is
// entered: "1", "2" or "1,2"; version 1 where it is empty. Entries of version 1
// carry a signed time, which cosign 2 demands; the time of the others comes
// from a timestamp authority.
type RekorVersions []uint32

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *RekorVersions) UnmarshalText(text []byte) error {
	var versions RekorVersions
	for word := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return r == ',' || r == '\n' || r == ' ' }) {
		version, ok := map[string]uint32{"1": 1, "2": 2}[word]
		if !ok {
			return hint.New(fmt.Sprintf("%q is not a version of Rekor", word), "write 1, 2 or 1,2")
		}
		if !slices.Contains(versions, version) {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	*v = versions
	return nil
}

func (v RekorVersions) orDefault() RekorVersions {
	if len(v) == 0 {
		return RekorVersions{1}
	}
	return v
}

// services are the addresses of an instance.
type services struct {
	fulcio     string
	logs       map[uint32][]string // by version
	timestamps []string
}

// selectServices takes what an instance is to be signed with from its config,
// as the config's selectors say: logs of the given versions, and authorities.
// With a key nobody certifies.
func selectServices(config *prototrustroot.SigningConfig, versions RekorVersions, keyed bool, now time.Time) (services, error) {
	found := services{logs: map[uint32][]string{}}
	if !keyed {
		fulcio, err := root.SelectService(list(config.GetCaUrls()), sign.FulcioAPIVersions, now)
		if err != nil {
			return services{}, hint.New("the signing config names no Fulcio of version 1 that is valid now", "add it under caUrls, or see its validFor")
		}
		found.fulcio = fulcio.URL
	}
	var err error
	for _, version := range sign.RekorAPIVersions {
		// Each by itself, since the highest version of all would be selected.
		found.logs[version], err = pick("rekorTlog", config.GetRekorTlogUrls(), config.GetRekorTlogConfig(), version, now)
		if err != nil {
			return services{}, err
		}
	}
	for _, version := range versions {
		if len(found.logs[version]) == 0 {
			return services{}, noLog(version, len(found.logs[3-version]) > 0)
		}
	}
	found.timestamps, err = pick("tsa", config.GetTsaUrls(), config.GetTsaConfig(), sign.TimestampAuthorityAPIVersions[0], now)
	if err == nil && len(found.timestamps) == 0 && slices.Contains(versions, 2) {
		err = hint.New("a Rekor log of version 2 dates no entry, and the signing config names no timestamp authority that is valid now",
			"add one under tsaUrls, or set \"rekor-version: 1\"")
	}
	return found, err
}

func list(services []*prototrustroot.Service) []root.Service {
	var all []root.Service
	for _, s := range services {
		all = append(all, root.NewService(s))
	}
	return all
}

// pick returns the addresses of those services that the selector of their kind
// takes: one, some or all operators'. There may be none.
//
// https://github.com/sigstore/protobuf-specs/blob/v0.5.2/protos/sigstore_trustroot.proto
func pick(kind string, services []*prototrustroot.Service, by *prototrustroot.ServiceConfiguration, version uint32, now time.Time) ([]string, error) {
	usable := slices.DeleteFunc(list(services), func(s root.Service) bool { return s.MajorAPIVersion != version || !s.ValidAtTime(now) })
	if len(usable) == 0 {
		return nil, nil
	}
	selected, err := root.SelectServices(usable, root.ServiceConfiguration{Selector: by.GetSelector(), Count: by.GetCount()}, []uint32{version}, now)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("the signing config's %sConfig: %w", kind, err),
			"say how many of %sUrls are taken, as in \"%sConfig\": {\"selector\": \"ANY\"}", kind, kind)
	}
	var urls []string
	for _, s := range selected {
		urls = append(urls, s.URL)
	}
	return urls, nil
}

// noLog says that the log of a version is missing, and whether the other is there.
func noLog(version uint32, other bool) error {
	message := fmt.Sprintf("the signing config names no Rekor log of version %d that is valid now", version)
	mend := fmt.Sprintf("give a signing-config file with a log of majorApiVersion %d under rekorTlogUrls", version)
	if other {
		message = fmt.Sprintf("the signing config names only Rekor logs of version %d, not of version %d", 3-version, version)
		mend += fmt.Sprintf(", or set \"rekor-version: %d\"", 3-version)
		if version == 1 {
			mend += ", whose signatures cosign 2 refuses without --use-signed-timestamps"
		}
	}
	return hint.New(message, "%s", mend)
}
