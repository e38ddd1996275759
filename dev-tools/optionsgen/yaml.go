// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

const lineWidth = 80

// beatSection renders the settings of one of beat.yml's sections.
func beatSection(title string) (string, error) {
	for _, section := range config.BeatSettings().Sections {
		if section.Title == title {
			return options(section.Options, 0), nil
		}
	}
	return "", fmt.Errorf("beat.yml has no section %q", title)
}

// sslOptions returns the TLS settings with another prefix than an input's.
func sslOptions(prefix string) []config.Option {
	var options []config.Option
	for _, option := range config.InputSettings().All() {
		if name, ok := strings.CutPrefix(option.Name, "request.ssl."); ok {
			option.Name = prefix + name
			options = append(options, option)
		}
	}
	return options
}

// options renders settings with their descriptions, a blank line between them. The
// inputs and their type are left to the templates.
func options(list []config.Option, indent int) string {
	var parts []string
	for _, option := range list {
		if option.Type != config.TypeInputs && option.Name != "type" {
			parts = append(parts, comment(option.Description, indent)+comment(facts(option), indent)+setting(option, indent))
		}
	}
	return strings.Join(parts, "\n\n")
}

// setting renders the line of a setting: its default or, without one, its
// example.
func setting(option config.Option, indent int) string {
	value := option.Default
	if value == nil || option.Active && option.Example != nil {
		value = option.Example
	}
	sign := "#"
	if option.Active {
		sign = ""
	}
	text := option.Name + ": " + flow(option, value)
	if option.Type == config.TypeProcessors {
		text = strings.TrimRight(toYAML(map[string]any{option.Name: value}), "\n")
	}
	return indentLines(text, indent, sign)
}

// facts returns what is to be known of a setting's value, in one line.
func facts(option config.Option) string {
	var all []string
	if option.Required {
		all = append(all, "Required.")
	}
	switch {
	case option.DefaultText != "":
		all = append(all, "Default: "+strings.TrimSuffix(option.DefaultText, ".")+".")
	case option.Default != nil:
		all = append(all, "Default: "+strings.TrimSpace(flow(option, option.Default)+" "+option.Unit)+".")
	case !option.Required:
		all = append(all, "Default: not set.")
	}
	if text := option.RangeText(); text != "" && !(option.Required && len(option.Values) == 1) {
		label := "Range"
		if len(option.Values) > 0 {
			label = "One of"
		}
		all = append(all, label+": "+text+".")
	}
	return strings.Join(all, " ")
}

// flow renders a value on one line.
func flow(option config.Option, value any) string {
	if option.Type == config.TypeFileMode {
		// Unquoted: YAML reads an octal number then.
		return fmt.Sprint(value)
	}
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		panic(err) // it was read from YAML
	}
	setFlow(&node, false)
	return strings.TrimSpace(toYAML(&node))
}

func toYAML(value any) string { return string(generated.YAML(value)) }

// setFlow puts lists and maps on one line and strings that need quotes in double
// ones. within says that the node stands in a list or map.
func setFlow(node *yaml.Node, within bool) {
	switch node.Kind {
	case yaml.SequenceNode, yaml.MappingNode:
		node.Style = yaml.FlowStyle
	case yaml.ScalarNode:
		if strings.HasPrefix(toYAML(node), "'") || within && strings.ContainsAny(node.Value, "{}[]:, ") {
			node.Style = yaml.DoubleQuotedStyle
		}
	}
	for _, child := range node.Content {
		setFlow(child, true)
	}
}

var (
	link         = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	externalLink = regexp.MustCompile(`\[([^\]]*)\]\((https?://[^)]*)\)`)
)

// plain turns Markdown into plain text: links become their text, with the
// address when it leads out of the documentation.
func plain(markdown string) string {
	text := link.ReplaceAllString(externalLink.ReplaceAllString(markdown, "$1 ($2)"), "$1")
	return strings.ReplaceAll(text, "`", "")
}

// comment renders Markdown as wrapped comment lines, its paragraphs one after the
// other.
func comment(markdown string, indent int) string {
	lead := strings.Repeat(" ", indent) + "#"
	var out strings.Builder
	for _, paragraph := range strings.Split(plain(markdown), "\n\n") {
		line := lead
		for _, word := range strings.Fields(paragraph) {
			if len(line)+1+len(word) > lineWidth && line != lead {
				out.WriteString(line + "\n")
				line = lead
			}
			line += " " + word
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func indentLines(text string, indent int, sign string) string {
	prefix := strings.Repeat(" ", indent) + sign
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}
