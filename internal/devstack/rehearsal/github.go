package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// GitHub has GitHub's own command line verify what the repository's workflows
// attested of an artifact, a file or "oci://REF", with default flags but for
// further ones. By default it wants SLSA provenance, and asks GitHub for it.
// It returns the one predicate that it verified. BuildTools must have built "gh".
//
// https://cli.github.com/manual/gh_attestation_verify
func (j *Judges) GitHub(ctx context.Context, artifact string, further ...string) (predicate json.RawMessage, err error) {
	root, err := j.lineOfRoot()
	if err != nil {
		return nil, err
	}
	args := append([]string{"attestation", "verify", artifact, "--repo", Repository, "--custom-trusted-root", root, "--format", "json"}, further...)
	out, err := j.Run(ctx, "gh", args...)
	if err != nil {
		return nil, err
	}
	var verified []struct {
		Result struct {
			Statement struct{ Predicate json.RawMessage }
		} `json:"verificationResult"`
	}
	if err := json.Unmarshal([]byte(out), &verified); err != nil {
		return nil, err
	}
	if len(verified) != 1 {
		return nil, fmt.Errorf("%d attestations of %s, want 1", len(verified), artifact)
	}
	return verified[0].Result.Statement.Predicate, nil
}

// lineOfRoot writes the trusted root as gh takes it: in one line that ends.
func (j *Judges) lineOfRoot() (string, error) {
	text, err := os.ReadFile(j.root)
	if err != nil {
		return "", err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(j.root), "trusted_root.jsonl")
	return path, os.WriteFile(path, append(line.Bytes(), '\n'), 0o644)
}
