package rehearsal

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// olderTrust returns the variables that give a cosign before 2.6.3, which takes no
// trusted root for attestations, the keys that the file root holds. Of Fulcio it
// gets the root certificate only: the way there is beside the signature. The
// variables name files that it makes in dir.
func olderTrust(root, dir string) ([]string, error) {
	text, err := os.ReadFile(root)
	if err != nil {
		return nil, err
	}
	type log struct {
		PublicKey struct{ RawBytes []byte }
	}
	var trusted struct {
		Tlogs, Ctlogs          []log
		CertificateAuthorities []struct {
			CertChain struct {
				Certificates []struct{ RawBytes []byte }
			}
		}
	}
	if err := json.Unmarshal(text, &trusted); err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	if len(trusted.Tlogs) == 0 || len(trusted.Ctlogs) == 0 || len(trusted.CertificateAuthorities) == 0 {
		return nil, errors.New("the trusted root lacks a log or an authority")
	}
	chain := trusted.CertificateAuthorities[0].CertChain.Certificates
	var vars []string
	for name, block := range map[string]*pem.Block{
		"SIGSTORE_ROOT_FILE":              {Type: "CERTIFICATE", Bytes: chain[len(chain)-1].RawBytes},
		"SIGSTORE_REKOR_PUBLIC_KEY":       {Type: "PUBLIC KEY", Bytes: trusted.Tlogs[0].PublicKey.RawBytes},
		"SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": {Type: "PUBLIC KEY", Bytes: trusted.Ctlogs[0].PublicKey.RawBytes},
	} {
		path := filepath.Join(dir, name+".pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
		vars = append(vars, name+"="+path)
	}
	return vars, nil
}
