package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Demo starts the local world, releases version 1.2.3 of examples/hello in it
// after 1.2.2, tells w what happens, and ends the world. The pages that were published are
// left in the checkout's folder out/demo.
func Demo(ctx context.Context, source string, w io.Writer) (err error) {
	const tag, version = "v1.2.3", "1.2.3"
	repositories := []string{"ghcr.io/" + Repository, "docker.io/" + Repository}
	platforms := []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}

	source, err = filepath.Abs(source)
	if err != nil {
		return err
	}
	heading(w, "the local world")
	world, err := Up(ctx, source, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Down(context.WithoutCancel(ctx))) }()

	out := filepath.Join(source, "out", "demo")
	stage, err := NewStage(ctx, filepath.Join(source, "out", "stage"), source, world.Env, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage.Dir)) }()
	started := time.Now()
	heading(w, "the release before it: v1.2.2")
	outcome, err := stage.Run(ctx, Trial{Tag: "v1.2.2"})
	if err != nil {
		return err
	}
	if outcome.Code != 0 {
		return fmt.Errorf("the release workflow exited %d:\n%s", outcome.Code, outcome.Log)
	}
	fmt.Fprintf(w, "released in %s\n", time.Since(started).Round(100*time.Millisecond))
	if _, err := stage.Bump(ctx, source, "golang.org/x/sys"); err != nil {
		return err
	}
	started = time.Now()
	heading(w, "the release: a push of the tag "+tag+" to "+Repository)
	if outcome, err = stage.Run(ctx, Trial{Tag: tag, Echo: w}); err != nil {
		return err
	}
	if outcome.Code != 0 {
		return fmt.Errorf("the release workflow exited %d", outcome.Code)
	}
	fmt.Fprintf(w, "\nreleased in %s\n", time.Since(started).Round(100*time.Millisecond))

	heading(w, "what crane and cosign say")
	judges := NewJudges(world.Env, tag)
	refused := tell(w, judges.Judge(ctx, repositories, version, platforms))
	for _, repository := range repositories {
		tags, err := judges.Tags(ctx, repository)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s has the tags %s\n", repository, strings.Join(tags, ", "))
	}
	heading(w, "what an operator asks: verify -scan -inspect")
	said, err := judges.Run(ctx, "verify", "-scan", "-inspect", "-platforms", strings.Join(platforms, ","),
		"-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"], repositories[0]+":"+version, repositories[1]+":"+version)
	if err != nil {
		return err
	}
	fmt.Fprint(w, said)
	heading(w, "the same for older verifiers: run again with \"legacy: true\"")
	more, err := legacy(ctx, w, stage, judges, repositories, tag, platforms)
	if err != nil {
		return err
	}
	if refused += more; refused > 0 {
		return fmt.Errorf("%d claims were refused", refused)
	}
	heading(w, "what Trivy found, as code scanning has it")
	if err := world.findings(ctx, tag, w); err != nil {
		return err
	}
	pages, err := world.pages(ctx, tag)
	if err != nil {
		return err
	}
	pages["summary.md"] = outcome.Summary
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, page := range []string{"release.md", "dockerhub.md", "summary.md"} {
		heading(w, page)
		fmt.Fprintln(w, strings.TrimSpace(pages[page]))
		if err := os.WriteFile(filepath.Join(out, page), []byte(pages[page]), 0o644); err != nil {
			return err
		}
	}
	heading(w, "what has no tag and nobody needs: cleanup, as a dry run")
	if err := judges.cleanup(ctx, world.Env, repositories, w); err != nil {
		return err
	}
	heading(w, "done; the pages are in out/demo")
	return nil
}

// tell prints verdicts, and returns how many claims were refused.
func tell(w io.Writer, verdicts []Verdict) (refused int) {
	for _, verdict := range verdicts {
		fmt.Fprintln(w, verdict)
		if verdict.Err != nil {
			refused++
		}
	}
	return refused
}

// legacy runs the workflow once more, with the layout that older verifiers look
// for, and has one of them judge before and after.
func legacy(ctx context.Context, w io.Writer, stage *Stage, judges *Judges, repositories []string, tag string, platforms []string) (refused int, err error) {
	version := strings.TrimPrefix(tag, "v")
	unseen := Verdict{Program: OlderCosign, Claim: "finds no signature of " + repositories[0] + ":" + version + ", since it knows no bundles"}
	digest, err := judges.Digest(ctx, repositories[0]+":"+version)
	if err != nil {
		return 0, err
	}
	if err := judges.Signature(ctx, OlderCosign, repositories[0]+":"+version, digest); err == nil || !strings.Contains(err.Error(), "no signatures found") {
		unseen.Err = fmt.Errorf("it says %w", errors.Join(err, errors.New("nothing else")))
	}
	refused = tell(w, []Verdict{unseen})
	path := filepath.Join(stage.Repo, Workflow)
	workflow, err := os.ReadFile(path)
	if err != nil {
		return refused, err
	}
	edited := strings.Replace(string(workflow), "          signing-config:", "          legacy: true\n          signing-config:", 1)
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		return refused, err
	}
	started := time.Now()
	outcome, err := stage.Run(ctx, Trial{Tag: tag})
	if err != nil {
		return refused, err
	}
	if outcome.Code != 0 {
		return refused, fmt.Errorf("the release workflow exited %d:\n%s", outcome.Code, outcome.Log)
	}
	fmt.Fprintf(w, "added in %s\n", time.Since(started).Round(100*time.Millisecond))
	return refused + tell(w, judges.By(OlderCosign).Judge(ctx, repositories, version, platforms)), nil
}

// cleanup has the step plan, and prints of what stays only what people named.
func (j *Judges) cleanup(ctx context.Context, env map[string]string, repositories []string, w io.Writer) error {
	dir, err := os.MkdirTemp("", "cleanup-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the plan was shown
	said, err := j.run(ctx, []string{
		"INPUT_GITHUB-TOKEN=" + env["GITHUB_TOKEN"], "INPUT_DOCKERHUB-USERNAME=" + env["DOCKERHUB_USERNAME"], "INPUT_DOCKERHUB-TOKEN=" + env["DOCKERHUB_TOKEN"],
	}, "cleanup", "-untagged", "-grace", "0h", "-output-dir", dir, repositories[0], repositories[1])
	if err != nil {
		return err
	}
	parts := 0
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "  keep") && !strings.Contains(line, "is protected") {
			parts++
			continue
		}
		fmt.Fprint(w, line)
	}
	fmt.Fprintf(w, "%d of what stays has no tag of its own, or lists what belongs to a tag\n", parts)
	return nil
}

func heading(w io.Writer, text string) { fmt.Fprintf(w, "\n── %s ──\n\n", text) }

// pages reads what people see: the GitHub release and Docker Hub's page.
func (w *World) pages(ctx context.Context, tag string) (map[string]string, error) {
	var release struct {
		Name, Body string
		URL        string `json:"html_url"`
		Assets     []struct {
			Name string
			Size int
		}
	}
	if err := w.Get(ctx, "https://api.github.com/repos/"+Repository+"/releases/tags/"+tag, &release); err != nil {
		return nil, err
	}
	var hub struct {
		Short string `json:"description"`
		Full  string `json:"full_description"`
	}
	if err := w.Get(ctx, "https://hub.docker.com/v2/repositories/"+Repository+"/", &hub); err != nil {
		return nil, err
	}
	var assets []string
	for _, a := range release.Assets {
		assets = append(assets, fmt.Sprintf("- %s (%d bytes)\n", a.Name, a.Size))
	}
	slices.Sort(assets) // as GitHub's page has them
	return map[string]string{
		"release.md":   fmt.Sprintf("# %s\n\n<%s>\n\n%s\n\n## Assets\n\n%s", release.Name, release.URL, release.Body, strings.Join(assets, "")),
		"dockerhub.md": hub.Short + "\n\n" + hub.Full,
	}, nil
}

// findings prints how much code scanning knows of each platform.
func (w *World) findings(ctx context.Context, tag string, to io.Writer) error {
	var analyses []struct {
		Category string
		Results  int `json:"results_count"`
	}
	if err := w.Get(ctx, "https://api.github.com/repos/"+Repository+"/code-scanning/analyses?ref=refs/tags/"+tag, &analyses); err != nil {
		return err
	}
	if len(analyses) == 0 {
		return errors.New("code scanning has nothing")
	}
	for _, a := range analyses {
		fmt.Fprintf(to, "%s: %d findings\n", a.Category, a.Results)
	}
	return nil
}
