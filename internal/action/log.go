package action

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"github.com/sethvargo/go-githubactions"
)

// console prints a step's log as people read it: one line for each message,
// its attributes behind it. On a runner, warnings and errors become workflow
// commands, and text that would be taken for a command is defused.
type console struct {
	mu       *sync.Mutex
	w        io.Writer
	commands *githubactions.Action // nil outside of a runner
	debug    bool
	attrs    string
}

func (c *console) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || c.debug || c.commands != nil
}

func (c *console) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString(r.Message)
	line.WriteString(c.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&line, a)
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.print(r.Level, line.String())
}

func (c *console) print(level slog.Level, text string) error {
	name := ""
	switch {
	case level >= slog.LevelError:
		name = "error"
	case level >= slog.LevelWarn:
		name = "warning"
	case level < slog.LevelInfo:
		name = "debug"
	}
	var err error
	switch {
	case c.commands == nil && name == "":
		_, err = io.WriteString(c.w, text+"\n")
	case c.commands == nil:
		_, err = io.WriteString(c.w, name+": "+text+"\n")
	case name == "":
		_, err = io.WriteString(c.w, defuse(text)+"\n")
	default:
		c.commands.IssueCommand(&githubactions.Command{Name: name, Message: text})
	}
	return err
}

func (c *console) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		writeAttr(&b, a)
	}
	clone := *c
	clone.attrs += b.String()
	return &clone
}

func (c *console) WithGroup(string) slog.Handler { return c }

func writeAttr(b *strings.Builder, a slog.Attr) {
	value := a.Value.Resolve().String()
	if value == "" || strings.ContainsAny(value, " \t\n\"=") {
		value = fmt.Sprintf("%q", value)
	}
	fmt.Fprintf(b, " %s=%s", a.Key, value)
}

// defuse keeps untrusted text from being read as workflow commands. The runner
// takes a line that starts with :: and a ##[ anywhere in it, and a carriage
// return ends a line, too.
//
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
func defuse(s string) string {
	// A zero-width space is invisible, and makes it no command.
	s = strings.ReplaceAll(s, "##[", "#\u200b#[")
	if !strings.Contains(s, "::") {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		end := strings.IndexAny(s, "\r\n") + 1
		if end == 0 {
			end = len(s)
		}
		if strings.HasPrefix(strings.TrimLeftFunc(s[:end], unicode.IsSpace), "::") {
			b.WriteString("\u200b")
		}
		b.WriteString(s[:end])
		s = s[end:]
	}
	return b.String()
}

// lineWriter passes whole lines on, defused.
type lineWriter struct {
	mu   *sync.Mutex
	w    io.Writer
	rest []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	end := bytes.LastIndexByte(l.rest, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	_, err := io.WriteString(l.w, defuse(string(l.rest[:end])))
	l.rest = append(l.rest[:0], l.rest[end:]...)
	return len(p), err
}

// flush writes what is left of a last line without newline.
func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		_, _ = io.WriteString(l.w, defuse(string(l.rest))+"\n")
		l.rest = nil
	}
}

// Console is a log for people, of text and of groups that a runner folds.
type Console struct{ rt *Runtime }

// Console returns the log that Stdout is, too.
func (rt *Runtime) Console() *Console { return &Console{rt} }

// Write writes text, as Runtime.Stdout does.
func (c *Console) Write(p []byte) (int, error) { return c.rt.Stdout.Write(p) }

// Group starts a group. There is one at a time: a runner doesn't nest them.
// Outside of Actions the title is a line.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines
func (c *Console) Group(title string) {
	if c.rt.commands == nil {
		_, _ = io.WriteString(c.rt.Stdout, title+"\n") // where this fails, Write does as well
		return
	}
	c.rt.printMu.Lock()
	defer c.rt.printMu.Unlock()
	c.rt.commands.Group(title)
}

// EndGroup ends the group.
func (c *Console) EndGroup() {
	if c.rt.commands == nil {
		return
	}
	c.rt.printMu.Lock()
	defer c.rt.printMu.Unlock()
	c.rt.commands.EndGroup()
}
