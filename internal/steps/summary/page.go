package summary

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/runlog"
)

// MaxPage is the length of a page, in bytes. A runner refuses one of more than
// 1 MiB; this leaves room for what others add.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
const MaxPage = 1000 << 10

// first is the step that says what is done; its part heads the page.
const first = "plan"

// Page is the page in Markdown: what is done and why, what came out of it,
// how long it took, and the parts of the steps. Where that is too much, the
// longest parts are left out.
func (r Result) Page() string {
	if len(r.entries) == 0 {
		return ""
	}
	var head, parts []string
	for _, e := range r.entries {
		switch {
		case e.Summary == "":
		case e.Step == first && len(head) == 0:
			head = append(head, e.Summary)
		default:
			parts = append(parts, e.Summary)
		}
	}
	if len(head) == 0 {
		head = append(head, "## Run\n")
	}
	head = append(head, glance(r.entries), chart(r.entries))
	return join(head, parts)
}

// join puts the parts one after the other, within MaxPage.
func join(head, parts []string) string {
	size := 0
	for _, part := range append(slices.Clone(head), parts...) {
		size += len(part) + 1
	}
	const note = "\nThis part is %d KiB long, and was left out: a page has room for 1 MiB.\n"
	for size > MaxPage && len(parts) > 0 {
		longest := 0
		for i := range parts {
			if len(parts[i]) > len(parts[longest]) {
				longest = i
			}
		}
		title, _, _ := strings.Cut(parts[longest], "\n")
		short := markdown.Prefix(title, 200, func(s string) int { return len(s) }) + "\n" + fmt.Sprintf(note, len(parts[longest])>>10)
		if len(short) >= len(parts[longest]) {
			break
		}
		size += len(short) - len(parts[longest])
		parts[longest] = short
	}
	return strings.Join(append(head, parts...), "\n")
}

// glance is the table of what came out.
func glance(entries []runlog.Entry) string {
	out := func(name string, steps ...string) string {
		for _, e := range entries {
			if slices.Contains(steps, e.Step) && e.Outputs[name] != "" {
				return e.Outputs[name]
			}
		}
		return ""
	}
	var b strings.Builder
	row := func(name string, values ...string) {
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", name, strings.Join(values, "<br>"))
		}
	}
	for _, e := range entries {
		if e.Error != "" {
			row("❌ "+e.Step, markdown.Code(markdown.Prefix(e.Error, 2000, func(s string) int { return len(s) })))
		}
	}
	row("version", markdown.Code(out("version", "metadata")))
	row("digest", markdown.Code(out("digest", "build-push", "merge")))
	row("published as", codes(out("tags", "promote"))...)
	row("platforms", codes(out("platforms", "build-push", "merge"))...)
	row("signed by", markdown.Code(out("certificate-identity", "sign")))
	row("signatures", signatures(out("report", "verify"))...)
	row("packages", counts(out("packages", "sbom"))...)
	row("findings", counts(out("findings", "scan"))...)
	row("gate", markdown.Code(out("gate", "scan")))
	if url := out("url", "release-notes"); strings.HasPrefix(url, "https://") {
		row("release", "<"+url+">")
	}
	if b.Len() == 0 {
		return ""
	}
	return "| | |\n|---|---|\n" + b.String()
}

func codes(lines string) []string {
	var values []string
	for line := range strings.Lines(lines) {
		values = append(values, markdown.Code(strings.TrimSpace(line)))
	}
	return values
}

// signatures reads where the log has the image's signatures, from verify's report.
// All registries have the same ones.
func signatures(report string) []string {
	var r struct {
		Checks []struct {
			Of       string `json:"of"`
			Claim    string `json:"claim"`
			LogIndex *int64 `json:"logIndex"`
		} `json:"checks"`
	}
	if json.Unmarshal([]byte(report), &r) != nil {
		return nil
	}
	var values []string
	for _, c := range r.Checks {
		if c.Claim != "signature" || c.LogIndex == nil {
			continue
		}
		if value := markdown.Code(fmt.Sprintf("%s: log entry %d", c.Of, *c.LogIndex)); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// counts reads a number, or numbers by name, for each platform.
func counts(object string) []string {
	var platforms map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &platforms) != nil {
		return nil
	}
	var values []string
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		var n int
		var by map[string]int
		var text []string
		switch {
		case json.Unmarshal(platforms[platform], &n) == nil:
			text = append(text, strconv.Itoa(n))
		case json.Unmarshal(platforms[platform], &by) == nil:
			for _, name := range slices.Sorted(maps.Keys(by)) {
				text = append(text, fmt.Sprintf("%d %s", by[name], strings.ToLower(name)))
			}
		}
		if len(text) == 0 {
			text = append(text, "none")
		}
		values = append(values, markdown.Code(platform+": "+strings.Join(text, ", ")))
	}
	return values
}
