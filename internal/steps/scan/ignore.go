package scan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/hint"
)

// defaultIgnores are what Trivy reads where nothing is given.
var defaultIgnores = []string{".trivyignore", ".trivyignore.yaml"}

// ignores are the findings that a project has decided to live with.
//
// https://trivy.dev/v0.69/guide/configuration/filtering/
type ignores struct {
	text    []byte
	suffix  string // ".yaml" for that format
	path    string
	expired map[string]time.Time // by ID
}

// readIgnores reads the files, and warns of rules that have run out.
func readIgnores(paths []string, d Deps) (*ignores, error) {
	if len(paths) == 0 {
		for _, name := range defaultIgnores {
			if path := filepath.Join(d.Job.Workspace, name); isFile(path) {
				paths = append(paths, path)
				break
			}
		}
	}
	all := &ignores{expired: map[string]time.Time{}}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("input \"trivyignores\": %w", err), "give paths from the workspace, and check it out first")
		}
		isYAML := strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")
		if isYAML && len(paths) > 1 {
			return nil, hint.New("input \"trivyignores\": Trivy takes several files as text, or one in YAML", "put all rules into one file in YAML")
		}
		ends := lineEnds
		if isYAML {
			all.suffix, ends = ".yaml", yamlEnds
		}
		found, err := ends(text)
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("input \"trivyignores\": %q: %w", path, err), "write a date as in \"exp:2027-01-31\", or \"expired_at: 2027-01-31\" in YAML")
		}
		for id, end := range found {
			if end.Before(d.Now()) {
				all.expired[id] = end
				d.Log.Warn("a rule to ignore a finding has expired", "id", id, "on", end.Format(time.DateOnly), "file", path)
			}
		}
		all.text = append(append(all.text, text...), '\n')
	}
	return all, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// lineEnds returns when the rules of a file in lines end, those that do.
func lineEnds(text []byte) (map[string]time.Time, error) {
	ends := map[string]time.Time{}
	var errs []error
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for _, field := range fields[min(1, len(fields)):] {
			date, ok := strings.CutPrefix(field, "exp:")
			if !ok {
				continue
			}
			end, err := time.Parse(time.DateOnly, date)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %q is not a date", fields[0], date))
			}
			ends[fields[0]] = end
		}
	}
	return ends, errors.Join(errs...)
}

// yamlEnds is lineEnds for the format in YAML.
func yamlEnds(text []byte) (map[string]time.Time, error) {
	type rule struct {
		ID  string `yaml:"id"`
		End string `yaml:"expired_at"`
	}
	var file struct {
		Vulnerabilities, Misconfigurations, Secrets, Licenses []rule
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, errors.New("it is not YAML as Trivy takes it")
	}
	ends := map[string]time.Time{}
	var errs []error
	for _, r := range slices.Concat(file.Vulnerabilities, file.Misconfigurations, file.Secrets, file.Licenses) {
		if r.End == "" {
			continue
		}
		end, err := time.Parse(time.DateOnly, r.End)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not a date", r.ID, r.End))
		}
		ends[r.ID] = end
	}
	return ends, errors.Join(errs...)
}

// write puts all rules into one file, and returns its path; "" for none.
func (i *ignores) write(dir string) (string, error) {
	if len(i.text) == 0 {
		return "", nil
	}
	file, err := os.CreateTemp(dir, "trivyignore-*"+i.suffix)
	if err != nil {
		return "", err
	}
	i.path = file.Name()
	_, err = file.Write(i.text)
	return i.path, errors.Join(err, file.Close())
}

func (i *ignores) remove() error {
	if i.path == "" {
		return nil
	}
	return os.Remove(i.path)
}
