package action

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

var errHelp = errors.New("help was asked for")

// decode fills config from, in this order, flags, INPUT_ variables and the
// contract's defaults.
func decode(config any, name string, contract []byte, p Process, rt *Runtime) error {
	c, err := ParseContract(contract)
	if err != nil {
		return err
	}
	given, err := parseFlags(config, name, c, p)
	if err != nil {
		return err
	}
	aliases := map[string]string{}
	for _, in := range Inputs(config) {
		aliases[in.Name] = in.Alias
	}
	lookup := func(input string) string {
		if text, ok := given[input]; ok {
			return text
		}
		if other := aliases[input]; other != "" {
			// It goes first: the input itself may have its default.
			if text := rt.getenv(Variable(other)); text != "" {
				rt.Log.Info("the input " + other + " is taken as what is called " + input + " here")
				return text
			}
		}
		if text := rt.getenv(Variable(input)); text != "" {
			return text
		}
		param, _ := c.Inputs.Get(input)
		return param.Literal()
	}
	rt.input = lookup
	return fill(config, lookup, func(input string) string {
		if rt.InActions() {
			return fmt.Sprintf("add %q under \"with:\"", input+": …")
		}
		return fmt.Sprintf("add -%s …; %s -help says what it is", input, name)
	})
}

// Variable returns the environment variable that holds an input. The runner
// keeps hyphens, which is why the launcher must be bash: dash drops such names.
func Variable(input string) string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(input, " ", "_"))
}

// parseFlags returns the inputs that the command line gives. A flag that is
// given more than once makes a list. For an input that holds secrets the flag
// names a file, since every user of a machine can read argument lists.
func parseFlags(config any, name string, c Contract, p Process) (map[string]string, error) {
	given := map[string]string{}
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	positional := ""
	for _, in := range Inputs(config) {
		if in.Arg {
			positional = in.Name
		}
		set.Var(&inputFlag{in: in, given: given}, in.Name, "")
	}
	err := set.Parse(p.Args)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(p.Stdout, usage(config, name, c))
		return nil, errors.Join(err, errHelp)
	}
	if err != nil {
		return nil, hint.Wrap(err, "%s -help lists the flags", name)
	}
	for _, arg := range set.Args() {
		if positional == "" {
			return nil, hint.Wrap(fmt.Errorf("argument %q is not a flag", arg), "%s -help lists the flags", name)
		}
		given[positional] = join(given, positional, arg)
	}
	return given, nil
}

func join(given map[string]string, name, text string) string {
	if before, ok := given[name]; ok {
		return before + "\n" + text
	}
	return text
}

type inputFlag struct {
	in    Input
	given map[string]string
}

func (f *inputFlag) String() string { return "" }

// IsBoolFlag lets a boolean input be given as -name alone.
func (f *inputFlag) IsBoolFlag() bool {
	if !f.in.value.IsValid() {
		return false
	}
	t := f.in.value.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Bool
}

func (f *inputFlag) Set(text string) error {
	if f.in.isSecret() {
		content, err := os.ReadFile(text)
		if err != nil {
			return hint.Wrap(errors.New("its value is not a readable file"), "name a file that holds the secret, as in -%s ./token", f.in.Name)
		}
		text = string(bytes.TrimRight(content, "\r\n"))
	}
	f.given[f.in.Name] = join(f.given, f.in.Name, text)
	return nil
}

// usage describes a step's flags from its contract.
func usage(config any, name string, c Contract) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nusage: %s [flags]", name, strings.TrimSpace(c.Description), name)
	inputs := Inputs(config)
	for _, in := range inputs {
		if in.Arg {
			fmt.Fprintf(&b, " [%s ...]", strings.ToUpper(in.Name))
		}
	}
	b.WriteString("\n\n")
	for _, in := range inputs {
		param, _ := c.Inputs.Get(in.Name)
		fmt.Fprintf(&b, "  -%s", in.Name)
		if in.isSecret() {
			b.WriteString(" FILE")
		}
		b.WriteString("\n")
		for line := range strings.Lines(strings.TrimSpace(param.Description)) {
			fmt.Fprintf(&b, "        %s\n", strings.TrimSpace(line))
		}
		if d := strings.TrimSpace(param.Literal()); d != "" {
			fmt.Fprintf(&b, "        default: %s\n", strings.ReplaceAll(d, "\n", ", "))
		}
	}
	return b.String()
}
