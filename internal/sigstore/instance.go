package sigstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/org/release-actions/internal/hint"
)

// Trust is the inputs that say whose signatures count.
type Trust struct {
	TrustedRoot string   `input:"trusted-root"` // a file; by Operator where ""
	Operator    Operator `input:"sigstore"`
	// Key is a file with a key pair's private or public key, or env:// and the
	// variable that holds it. Keyless where "".
	Key string `input:"key"`
}

// Instance is the inputs that describe the Sigstore instance to sign with.
type Instance struct {
	Trust         Trust
	SigningConfig string        `input:"signing-config"` // a file; by Operator where ""
	RekorVersions RekorVersions `input:"rekor-version"`
}

// Validate keeps what a private instance should log out of the public log.
func (i Instance) Validate() error {
	if i.Trust.TrustedRoot != "" && i.SigningConfig == "" {
		return hint.New("input \"trusted-root\" is given without \"signing-config\": the public instance would sign",
			"add \"signing-config\" of the same instance, or leave out both")
	}
	return nil
}

// Operator is whose instance of Sigstore it is where no files describe one.
// Where it is empty, the repository's visibility decides, as in actions/attest.
type Operator string

// The operators.
const (
	Public Operator = "public" // the public-good instance of the Sigstore project
	GitHub Operator = "github" // GitHub's own, which logs nothing
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Operator) UnmarshalText(text []byte) error {
	operator := Operator(text)
	if !slices.Contains([]Operator{"", Public, GitHub}, operator) {
		return hint.New(fmt.Sprintf("%q is no Sigstore instance", operator),
			"write public or github, leave it out, or describe another one by trusted-root and signing-config")
	}
	*o = operator
	return nil
}

// or returns the operator that was chosen, or the one for a repository that
// is as visible as the event says.
func (o Operator) or(visibility string) Operator {
	switch {
	case o != "":
		return o
	case visibility == "" || visibility == "public":
		return Public
	}
	return GitHub
}

// trustedRoot reads whose signatures count: a file, or by TUF where there is none.
func trustedRoot(ctx context.Context, t Trust, o Options) (*root.TrustedRoot, error) {
	if t.TrustedRoot == "" {
		operator := t.Operator.or(o.place().Visibility())
		trusted, err := fetch(ctx, o, operator, "trusted_root.json", root.NewTrustedRootFromJSON)
		if err == nil && operator == Public && (len(trusted.RekorLogs()) == 0 || len(trusted.CTLogs()) == 0) {
			return nil, errors.New("the trusted root of the public Sigstore instance names no logs")
		}
		return trusted, err
	}
	trusted, err := root.NewTrustedRootFromPath(t.TrustedRoot)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("trusted root %q: %w", t.TrustedRoot, err),
			"give the file that \"cosign trusted-root create\" writes, or none for the public instance")
	}
	return trusted, nil
}

// githubServices are those of GitHub's instance, which publishes no signing config.
//
// https://github.com/actions/toolkit/blob/main/packages/attest/src/endpoints.ts
var githubServices = services{fulcio: "https://fulcio.githubapp.com", timestamps: []string{"https://timestamp.githubapp.com/api/v1/timestamp"}}

// findServices reads where to sign: from a file, or by TUF where there is none.
func findServices(ctx context.Context, i Instance, o Options) (services, error) {
	versions := i.RekorVersions.orDefault()
	if i.SigningConfig != "" {
		config, err := readSigningConfig(i.SigningConfig)
		if err != nil {
			return services{}, err
		}
		return selectServices(config, versions, i.Trust.Key != "", time.Now())
	}
	if i.Trust.Operator.or(o.place().Visibility()) == GitHub {
		if slices.Contains(versions, 2) {
			return services{}, hint.New("input \"rekor-version\": GitHub's Sigstore instance, which signs for private repositories, has no transparency log",
				"leave out rekor-version, or set \"sigstore: public\" to enter the repository's name into the public log")
		}
		return githubServices, nil
	}
	config, err := fetch(ctx, o, Public, "signing_config.v0.2.json", parseSigningConfig)
	if err != nil {
		return services{}, err
	}
	return selectServices(config, versions, i.Trust.Key != "", time.Now())
}

func readSigningConfig(path string) (*prototrustroot.SigningConfig, error) {
	text, err := os.ReadFile(path)
	var config *prototrustroot.SigningConfig
	if err == nil {
		config, err = parseSigningConfig(text)
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("signing config %q: %w", path, err),
			"give the file that \"cosign signing-config create\" writes, or none for the public instance")
	}
	return config, nil
}

func parseSigningConfig(text []byte) (*prototrustroot.SigningConfig, error) {
	config, err := root.NewSigningConfigProtobuf(text)
	if err == nil {
		_, err = root.NewSigningConfigFromProtobuf(config) // checks the media type
	}
	return config, err
}
