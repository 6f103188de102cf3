package releasenotes

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// checksumsName is the asset with the digests of the others.
const checksumsName = "checksums.txt"

// withChecksums returns files and one more that holds their digests, as sha256sum
// writes and checks them.
func withChecksums(files []ghapi.File) ([]ghapi.File, error) {
	var lines []string
	for _, f := range files {
		if strings.EqualFold(f.Name, checksumsName) {
			return nil, hint.Wrap(fmt.Errorf("input \"files\": %q would be the asset %q, which \"checksums\" asks for", f.Path, f.Name), "leave out one of them")
		}
		lines = append(lines, strings.TrimPrefix(f.Digest, "sha256:")+"  "+f.Name+"\n")
	}
	if len(lines) == 0 {
		return files, nil
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return append(slices.Clip(files), textFile(checksumsName, strings.Join(lines, ""))), nil
}

// textFile returns a file that is written nowhere.
func textFile(name, text string) ghapi.File {
	return ghapi.File{
		Content: []byte(text), Name: name, ContentType: contentType(name), Size: int64(len(text)),
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))),
	}
}
