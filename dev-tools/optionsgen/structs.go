// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

// initialisms are the parts of names that Go doesn't write as words.
var initialisms = map[string]string{
	"http": "HTTP", "id": "ID", "ilm": "ILM", "ioc": "IOC", "oauth2": "OAuth2", "ssl": "SSL", "url": "URL",
}

// goName returns the Go name of a part of a setting's name.
func goName(part string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(part, "_") {
		if special, ok := initialisms[word]; ok {
			name.WriteString(special)
			continue
		}
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

// goTypes are the types that values are read into, but for texts and what holds
// texts.
var goTypes = map[config.Type]string{
	config.TypeBool:       "bool",
	config.TypeInt:        "int",
	config.TypeFloat:      "float64",
	config.TypeDuration:   "time.Duration",
	config.TypeLifetime:   "Lifetime",
	config.TypeBytes:      "ByteSize",
	config.TypeShare:      "Share",
	config.TypeFileMode:   "os.FileMode",
	config.TypeProcessors: "[]*config.C",
	config.TypeInputs:     "[]*config.C",
}

// goType returns the type that a setting's value is read into.
func goType(option config.Option) string {
	if typ, ok := goTypes[option.Type]; ok {
		return typ
	}
	text, object := "string", "any"
	if option.Secret() {
		text, object = "Secret", "Secret"
	}
	switch {
	case option.Type == config.TypeURL && option.Secret():
		return "ProxyURL"
	case option.Type == config.TypeList:
		return "[]" + text
	case option.Type == config.TypeObject:
		return "map[string]" + object
	}
	return text
}

// renderStructs returns the Go structs that the settings are read into.
func renderStructs(input, beat *config.Scope) ([]byte, error) {
	out := &structs{}
	out.add("Input", "", "", input)
	out.add("Beat", "threatqbeat.", "", beat)
	out.add("Setup", "setup.", "Setup", beat)
	return format.Source([]byte(generated.GoHeader("dev-tools/optionsgen from the definitions") + `
package config

import (
	"os"
	"time"

	"github.com/elastic/elastic-agent-libs/config"
)
` + out.String()))
}

// lineStart is the sign of a comment in YAML.
var lineStart = regexp.MustCompile(`(?m)^#`)

type structs struct{ bytes.Buffer }

// add writes the struct of the settings whose names begin with prefix, and those of
// the groups in it, whose names begin with typePrefix.
func (s *structs) add(name, prefix, typePrefix string, scope *config.Scope) {
	root := &tree{path: name}
	for _, section := range scope.Sections {
		for _, option := range section.Options {
			if below, ok := strings.CutPrefix(option.Name, prefix); ok && section.Include == "" {
				root.at(below).leaf = &option
			}
		}
		if section.Include != "" {
			root.at(strings.TrimSuffix(strings.TrimPrefix(section.Prefix, prefix), ".")).path = section.Include
		}
	}
	text := "what a configuration may say of one input"
	if prefix != "" {
		text = "the settings " + prefix + "*"
	}
	s.group(root, name, typePrefix, text)
}

func (s *structs) group(t *tree, name, typePrefix, text string) {
	fmt.Fprintf(s, "\n// %s holds %s.\ntype %s struct {\n", name, text, name)
	parts := slices.Sorted(maps.Keys(t.children))
	for _, part := range parts {
		child := t.children[part]
		typ := typePrefix + goName(part)
		switch {
		case child.leaf != nil:
			s.WriteString(lineStart.ReplaceAllString(comment(child.leaf.Description, 0), "//"))
			typ = goType(*child.leaf)
		case len(child.children) == 0:
			typ = strings.ToUpper(child.path) // shared settings, such as SSL
		}
		fmt.Fprintf(s, "%s %s `config:%q`\n", goName(part), typ, part)
	}
	if t.path == "Input" {
		s.WriteString("\n// raw is the configuration that was read, with the defaults.\nraw *config.C\n")
	}
	s.WriteString("}\n")
	for _, part := range parts {
		if child := t.children[part]; child.leaf == nil && len(child.children) > 0 {
			typ := typePrefix + goName(part)
			s.group(child, typ, typ, "the settings below "+part)
		}
	}
}
