package metadata

import (
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// An ImageName is one entry of the images input.
type ImageName struct {
	Entry   Entry
	Name    string // in lower case, as registries want it
	Written string
}

// ImageNames are the repositories to tag: "name", or "name=…,enable=true".
type ImageNames []ImageName

// UnmarshalText reads the list.
func (n *ImageNames) UnmarshalText(text []byte) error {
	var list List
	if err := list.UnmarshalText(text); err != nil {
		return err
	}
	*n = nil
	if len(list) == 1 && list[0].Text != "" {
		if names, ok := plainNames(list[0]); ok {
			*n = names
			return nil
		}
	}
	var errs []error
	for _, entry := range list {
		written, enabled := "", true
		err := entry.attributes(true, func(key, value string) error {
			switch key {
			case "", "name":
				written = value
			case "enable":
				if value != "true" && value != "false" {
					return hint.Wrap(fmt.Errorf("attribute \"enable\" is %q", value), "write enable=true or enable=false")
				}
				enabled = value == "true"
			default:
				return hint.Wrap(fmt.Errorf("unknown attribute %q", key), "an image has the attributes name and enable")
			}
			return nil
		})
		if err == nil && written == "" {
			err = hint.Wrap(entry.errorf("the image has no name"), "write the repository, as in \"name=ghcr.io/org/app,enable=true\"")
		}
		if err != nil {
			errs = append(errs, err)
		} else if enabled {
			*n = append(*n, newImageName(entry, written))
		}
	}
	return errors.Join(errs...)
}

// plainNames reads a single line of names alone, separated by commas.
func plainNames(entry Entry) (names ImageNames, ok bool) {
	fields, err := entry.fields()
	if err != nil {
		return nil, false
	}
	for _, field := range fields {
		if strings.Contains(field, "=") {
			return nil, false
		}
		names = append(names, newImageName(entry, trim(field)))
	}
	return names, true
}

func newImageName(entry Entry, written string) ImageName {
	return ImageName{Entry: entry, Name: strings.ToLower(written), Written: written}
}

// check returns an error where the name is none that a registry takes.
func (n ImageName) check() error {
	if _, err := image.ParseRepository(n.Name); err != nil {
		return n.Entry.errorf("%w", err)
	}
	return nil
}

// ref returns the reference to tag, which is the tag alone for no name.
func (n ImageName) ref(tag string) string {
	if n.Name == "" {
		return tag
	}
	return n.Name + ":" + tag
}
