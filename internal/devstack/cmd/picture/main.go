// Command picture shows a page in Markdown as people see it on GitHub, as a PNG:
//
//	picture PAGE.md PICTURE.png MERMAID.js
//
// It needs Chromium, and Mermaid's script for the charts.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	markup "github.com/yuin/goldmark/renderer/html"
)

//go:embed page.css
var style string

// width is that of the page, in pixels; margin is what is left around it.
const width = 980

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: picture PAGE.md PICTURE.png MERMAID.js")
		os.Exit(2)
	}
	if err := shoot(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// shoot writes the picture of the page in the file from to the file to. The
// script mermaid draws its charts.
func shoot(ctx context.Context, from, to, mermaid string) error {
	browser, err := chromium()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("%w; \"make demo\" writes the pages", err)
	}
	dir, err := os.MkdirTemp("", "picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	page, err := render(text, mermaid)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		return err
	}
	flags := []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-lcd-text", "--hide-scrollbars", "--virtual-time-budget=10000", "--user-data-dir=" + filepath.Join(dir, "profile")}
	run := func(further ...string) ([]byte, error) {
		var complaint bytes.Buffer
		cmd := exec.CommandContext(ctx, browser, append(append(flags, further...), "file://"+path)...)
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", browser, err, &complaint)
		}
		return out, err
	}
	// The page says how high it is; then the window is made so.
	shown, err := run(fmt.Sprintf("--window-size=%d,100", width), "--dump-dom")
	if err != nil {
		return err
	}
	height := regexp.MustCompile(`<title>(\d+)</title>`).FindSubmatch(shown)
	if height == nil {
		return errors.New("the page doesn't say how high it is")
	}
	shot := filepath.Join(dir, "page.png")
	if _, err := run(fmt.Sprintf("--window-size=%d,%s", width, height[1]), "--screenshot="+shot); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return shrink(shot, to)
}

// chromium finds the browser.
func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no chromium on the PATH: install it, as by \"apt-get install chromium\"")
}

// drawCharts has Mermaid draw what GitHub does, and then says how high the page is.
const drawCharts = `
for (const code of document.querySelectorAll("code.language-mermaid")) {
  const chart = document.createElement("pre");
  chart.className = "mermaid";
  chart.textContent = code.textContent;
  code.parentElement.replaceWith(chart);
}
mermaid.initialize({startOnLoad: false});
mermaid.run().finally(() => { document.title = document.documentElement.scrollHeight; });`

// render makes a web page of Markdown, as GitHub reads it.
func render(text []byte, mermaid string) ([]byte, error) {
	var body, page bytes.Buffer
	// The page is our own, and has HTML: what can be opened.
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(markup.WithUnsafe())).Convert(text, &body); err != nil {
		return nil, err
	}
	script, err := os.ReadFile(mermaid)
	fmt.Fprintf(&page, "<!doctype html><meta charset=utf-8><title></title><style>%s</style><main>%s</main><script>%s</script><script>%s</script>",
		style, &body, script, drawCharts)
	return page.Bytes(), err
}
