package metadata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/release-actions/internal/markdown"
)

// Result is what the step gives to the steps after it. Lists are joined by the
// separators that the inputs name.
type Result struct {
	Version     string          `output:"version"`
	Tags        string          `output:"tags"`
	TagNames    string          `output:"tag-names"`
	ImageNames  []string        `output:"image-names"`
	Labels      string          `output:"labels"`
	Annotations string          `output:"annotations"`
	JSON        json.RawMessage `output:"json"`
	CompareTo   string          `output:"compare-to"`
	// The bake files, for docker buildx bake; empty outside of a runner.
	BakeFileTags        string `output:"bake-file-tags"`
	BakeFileLabels      string `output:"bake-file-labels"`
	BakeFileAnnotations string `output:"bake-file-annotations"`
	BakeFile            string `output:"bake-file"`

	// Outcomes says for every rule what it came to, in the order of priority.
	Outcomes []Outcome

	lists   lists
	export  bool
	explain bool
}

// lists are the outputs before they are joined, as the output json has them.
type lists struct {
	Tags        []string          `json:"tags"`
	TagNames    []string          `json:"tag-names"`
	Labels      map[string]string `json:"labels"`
	Annotations []string          `json:"annotations"`
}

// writeBake writes the bake files into a new directory of dir.
//
// https://docs.docker.com/build/bake/reference/
func (r *Result) writeBake(dir, target string, images []string) error {
	dir, err := os.MkdirTemp(dir, "metadata-")
	if err != nil {
		return fmt.Errorf("write the bake files: %w", err)
	}
	if err := r.writeBakeFiles(dir, target, images); err != nil {
		return errors.Join(fmt.Errorf("write the bake files: %w", err), os.RemoveAll(dir))
	}
	return nil
}

func (r *Result) writeBakeFiles(dir, target string, images []string) error {
	args := map[string]string{"DOCKER_META_IMAGES": strings.Join(images, ",")}
	if r.Version != "" {
		args["DOCKER_META_VERSION"] = r.Version
	}
	for _, file := range []struct {
		path   *string
		name   string
		target map[string]any
	}{
		{&r.BakeFileTags, "bake-tags.json", map[string]any{"tags": r.lists.Tags, "args": args}},
		{&r.BakeFileLabels, "bake-labels.json", map[string]any{"labels": r.lists.Labels}},
		{&r.BakeFileAnnotations, "bake-annotations.json", map[string]any{"annotations": r.lists.Annotations}},
		{&r.BakeFile, "bake.json", map[string]any{"tags": r.lists.Tags, "labels": r.lists.Labels, "args": args}},
	} {
		text, err := encode(map[string]any{"target": map[string]any{target: file.target}})
		if err != nil {
			return err
		}
		*file.path = filepath.Join(dir, "docker-metadata-action-"+file.name)
		if err := os.WriteFile(*file.path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// encode writes JSON whose < and & stay as they are.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// Env returns the outputs as variables for the steps after this one.
func (r Result) Env() map[string]string {
	if !r.export {
		return nil
	}
	env := map[string]string{}
	for name, value := range map[string]string{
		"VERSION": r.Version, "TAGS": r.Tags, "TAG_NAMES": r.TagNames, "LABELS": r.Labels, "ANNOTATIONS": r.Annotations,
		"BAKE_FILE_TAGS": r.BakeFileTags, "BAKE_FILE_LABELS": r.BakeFileLabels, "BAKE_FILE_ANNOTATIONS": r.BakeFileAnnotations, "BAKE_FILE": r.BakeFile,
	} {
		env["DOCKER_METADATA_OUTPUT_"+name] = value
	}
	return env
}

// Print writes the tags, and with explain what each rule came to.
func (r Result) Print(w io.Writer) error {
	if r.JSON == nil {
		return nil // an error says it all
	}
	var b strings.Builder
	if r.explain {
		b.WriteString("RULE\tENABLED\tVALUE\tTAG\tWHY\n")
		for _, o := range r.Outcomes {
			fmt.Fprintf(&b, "%s\t%v\t%s\t%s\t%s\n", cell(o.Rule.Entry.Text), o.Enabled, cell(o.Value), o.Tag, cell(o.Why))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "version: %s\n", r.Version)
	for _, tag := range r.lists.Tags {
		b.WriteString(tag + "\n")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(table, b.String())
	return errors.Join(err, table.Flush())
}

// cell writes text for one line of a table.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(text)
}

// Summary is the step's part of the job's page.
func (r Result) Summary() string {
	if r.JSON == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Metadata\n\n")
	if r.Version != "" {
		fmt.Fprintf(&b, "Version %s\n\n", markdown.Code(r.Version))
	}
	if len(r.lists.Tags) == 0 {
		b.WriteString("No rule gave a tag on this event.\n")
	} else {
		b.WriteString("| tag |\n|---|\n")
		for _, tag := range r.lists.Tags {
			fmt.Fprintf(&b, "| %s |\n", markdown.Code(tag))
		}
	}
	b.WriteString("\n<details><summary>Rules</summary>\n\n| rule | enabled | value | tag | why |\n|---|---|---|---|---|\n")
	for _, o := range r.Outcomes {
		fmt.Fprintf(&b, "| %s | %v | %s | %s | %s |\n", markdown.Code(o.Rule.Entry.Text), o.Enabled, markdown.Code(o.Value), markdown.Code(o.Tag), markdown.Code(o.Why))
	}
	b.WriteString("\n</details>\n\n<details><summary>Labels</summary>\n\n| label | value |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(r.lists.Labels)) {
		fmt.Fprintf(&b, "| %s | %s |\n", markdown.Code(name), markdown.Code(r.lists.Labels[name]))
	}
	b.WriteString("\n</details>\n")
	return b.String()
}
