package trivy

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/hint"
)

const (
	downloads = "https://github.com/aquasecurity/trivy/releases/download/v" + Version + "/"
	// maxArchive and maxProgram bound what is fetched and unpacked, in bytes.
	maxArchive = 256 << 20
	maxProgram = 1 << 30
	// answersWithin is how long a Trivy may take to tell its version.
	answersWithin = 30 * time.Second
)

// archive is a release of Trivy for one platform.
type archive struct{ name, sha256 string }

// archives are the releases by Go's name of the platform.
//
// https://github.com/aquasecurity/trivy/releases/tag/v0.69.3
var archives = map[string]archive{
	"linux/amd64": {"trivy_0.69.3_Linux-64bit.tar.gz", "1816b632dfe529869c740c0913e36bd1629cb7688bd5634f4a858c1d57c88b75"},
	"linux/arm64": {"trivy_0.69.3_Linux-ARM64.tar.gz", "7e3924a974e912e57b4a99f65ece7931f8079584dae12eb7845024f97087bdfd"},
}

// find returns the program to run: the one that is given, the one on the PATH
// where it is of the version, else the release.
func (s *Scanner) find(ctx context.Context) (string, error) {
	if s.Path != "" {
		path, err := filepath.Abs(s.Path)
		if err != nil {
			return "", err
		}
		if err := s.checkVersion(ctx, path); err != nil {
			return "", hint.Wrap(fmt.Errorf("input \"trivy-path\": %w", err), "give a Trivy %s, or leave it out to have that one fetched", Version)
		}
		return path, nil
	}
	if path, err := s.LookPath("trivy"); err == nil {
		if err = s.checkVersion(ctx, path); err == nil {
			return path, nil
		}
		s.Log.Info("the trivy on the PATH is not used", "reason", err)
	}
	release, err := releaseFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	return s.fetch(ctx, release)
}

func releaseFor(goos, goarch string) (archive, error) {
	release, ok := archives[goos+"/"+goarch]
	if !ok {
		return archive{}, hint.New(fmt.Sprintf("no Trivy is pinned for %s/%s", goos, goarch), "install Trivy %s, and give it as \"trivy-path\"", Version)
	}
	return release, nil
}

// released is a version that was released, as the compiler writes it down. What
// comes behind it, and a build from no release, says nothing about the version.
var released = regexp.MustCompile(`^v(\d+\.\d+\.\d+)$`)

// checkVersion sees to it that the program at path is a Trivy of the version.
// One that is known for another is not even started, as some are malicious.
func (s *Scanner) checkVersion(ctx context.Context, path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%q is no Trivy: %w", path, err)
	}
	if m := released.FindStringSubmatch(info.Main.Version); info.Main.Path == "github.com/aquasecurity/trivy" && m != nil {
		if m[1] != Version {
			return fmt.Errorf("%q is Trivy %s, not %s", path, m[1], Version)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version", "--format", "json", "--cache-dir", s.dir) //nolint:gosec // no shell reads it
	cmd.Dir, cmd.Env = s.dir, []string{"HOME=" + s.dir}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask %q for its version: %w", path, err)
	}
	var answer struct{ Version string }
	if err := json.Unmarshal(out, &answer); err != nil || answer.Version == "" {
		return fmt.Errorf("%q doesn't tell its version as Trivy does", path)
	}
	if strings.TrimPrefix(answer.Version, "v") != Version {
		return fmt.Errorf("%q is Trivy %s, not %s", path, answer.Version, Version)
	}
	return nil
}

// fetch returns the program of a release. The tool cache keeps the archive: its
// hash can be checked in each run, and that of what it holds can't.
func (s *Scanner) fetch(ctx context.Context, release archive) (string, error) {
	dir := filepath.Join(s.ToolCache, "trivy", Version)
	kept := filepath.Join(dir, release.name)
	if err := checkSum(kept, release.sha256); err != nil {
		fresh, err := temporary(dir)
		if err != nil {
			s.Log.Warn("Trivy can't be kept for the next run", "reason", err)
			kept = filepath.Join(s.dir, release.name)
			if fresh, err = temporary(s.dir); err != nil {
				return "", err
			}
		}
		defer func() { _ = os.Remove(fresh.Name()) }() // renamed when all went well
		if err := errors.Join(s.download(ctx, downloads+release.name, fresh), fresh.Close()); err != nil {
			return "", hint.Wrap(fmt.Errorf("fetch Trivy %s: %w", Version, err), "install it in an earlier step, and give it as \"trivy-path\"")
		}
		if err := checkSum(fresh.Name(), release.sha256); err != nil {
			return "", hint.Wrap(fmt.Errorf("%s%s is not what it was: %w", downloads, release.name, err),
				"don't use it: somebody has changed the release, or answers in GitHub's place")
		}
		if err := os.Rename(fresh.Name(), kept); err != nil {
			return "", err
		}
	}
	program := filepath.Join(s.dir, "trivy")
	if err := unpack(kept, program); err != nil {
		return "", fmt.Errorf("unpack %q: %w", kept, err)
	}
	return program, nil
}

// temporary makes a file in dir, which is made, too.
func temporary(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a cache of public files
		return nil, err
	}
	return os.CreateTemp(dir, ".fetching-")
}

// download writes what is at address to a file. An answer that breaks off is
// asked for again; for all else, the transport does that.
func (s *Scanner) download(ctx context.Context, address string, to *os.File) error {
	s.Log.Info("fetching Trivy", "version", Version)
	return s.retry(ctx, "Trivy", func(ctx context.Context) error {
		if _, err := to.Seek(0, io.SeekStart); err != nil {
			return backoff.Permanent(err)
		}
		if err := to.Truncate(0); err != nil {
			return backoff.Permanent(err)
		}
		return s.get(ctx, address, to)
	})
}

// get copies what is at address. Only the error of an answer that breaks off is
// not permanent.
func (s *Scanner) get(ctx context.Context, address string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return backoff.Permanent(err)
	}
	resp, err := (&http.Client{Transport: s.Transport}).Do(req)
	if err != nil {
		return backoff.Permanent(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	if resp.StatusCode != http.StatusOK {
		return backoff.Permanent(fmt.Errorf("%s answered %s", address, resp.Status))
	}
	n, err := io.Copy(to, io.LimitReader(resp.Body, maxArchive+1))
	if err != nil {
		return fmt.Errorf("%s broke off after %d bytes: %w", address, n, err)
	}
	if n > maxArchive {
		return backoff.Permanent(fmt.Errorf("it has more than %d MiB", maxArchive>>20))
	}
	return nil
}

// checkSum compares the SHA-256 of the file at path.
func checkSum(path, want string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("its SHA-256 is %s, not %s", got, want)
	}
	return nil
}

// unpack writes the program that a release's archive holds.
func unpack(from, program string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if err != nil {
			return fmt.Errorf("look for trivy in it: %w", err)
		}
		if header.Name != "trivy" || header.Typeflag != tar.TypeReg {
			continue
		}
		out, err := os.OpenFile(program, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // a program
		if err != nil {
			return err
		}
		_, err = io.Copy(out, io.LimitReader(files, maxProgram))
		return errors.Join(err, out.Close())
	}
}
