// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/config"
)

// yamlStyle says how settings are written into a configuration file.
type yamlStyle struct {
	// sign stands before a setting that is not active: "#" in the files that are
	// shipped, "" in the tests, which read every setting that is shown.
	sign string
}

var commentedStyle = yamlStyle{sign: "#"}

const lineWidth = 80

// inputSections renders the settings of an input but for its type, each section
// headed by its title.
func (s yamlStyle) inputSections(indent int) (string, error) {
	var parts []string
	for _, section := range config.InputSettings().Sections {
		list := slices.DeleteFunc(slices.Clone(section.Options), func(option config.Option) bool {
			return option.Name == "type"
		})
		settings, err := s.options(list, indent)
		if err != nil {
			return "", err
		}
		lead := strings.Repeat(" ", indent)
		parts = append(parts, lead+"#--- "+section.Title+"\n\n"+settings)
	}
	return strings.Join(parts, "\n\n"), nil
}

// beatSection renders the settings of one of beat.yml's sections.
func (s yamlStyle) beatSection(title string) (string, error) {
	for _, section := range config.BeatSettings().Sections {
		if section.Title == title {
			return s.options(section.Options, 0)
		}
	}
	return "", fmt.Errorf("beat.yml has no section %q", title)
}

// libbeatFile renders the sections of one file of config/libbeat.
func (s yamlStyle) libbeatFile(file string) (string, error) {
	var parts []string
	for _, section := range config.LibbeatSections()[file] {
		part, err := s.libbeatSection(section)
		if err != nil {
			return "", fmt.Errorf("section %s: %w", section.Title, err)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n\n"), nil
}

func (s yamlStyle) libbeatSection(section config.LibbeatSection) (string, error) {
	var out strings.Builder
	out.WriteString(banner(section.Title) + "\n\n")
	if section.Text != "" {
		out.WriteString(comment(section.Text, 0) + "\n")
	}
	indent := 0
	if section.Key != "" {
		sign := s.sign
		if section.Active {
			sign = ""
		}
		out.WriteString(sign + section.Key + ":\n\n")
		indent = 2
	}
	settings, err := s.options(section.Options, indent)
	if err != nil {
		return "", err
	}
	out.WriteString(settings)
	if section.SSL != "" {
		ssl, err := s.sslNames(section.SSL, indent)
		if err != nil {
			return "", err
		}
		out.WriteString("\n\n" + comment("TLS. The settings are those described under request.ssl above.", indent) + ssl)
	}
	return out.String(), nil
}

// sslNames renders the TLS settings without their descriptions, which the input
// gives once.
func (s yamlStyle) sslNames(prefix string, indent int) (string, error) {
	const inputPrefix = "request.ssl."
	var lines []string
	for _, option := range config.InputSettings().All() {
		name, ok := strings.CutPrefix(option.Name, inputPrefix)
		if !ok {
			continue
		}
		option.Name = prefix + name
		line, err := s.setting(option, indent)
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), nil
}

// options renders settings with their descriptions, a blank line between them.
func (s yamlStyle) options(list []config.Option, indent int) (string, error) {
	var parts []string
	for _, option := range list {
		if option.Type == config.TypeInputs {
			continue
		}
		line, err := s.setting(option, indent)
		if err != nil {
			return "", fmt.Errorf("setting %s: %w", option.Name, err)
		}
		facts, err := facts(option)
		if err != nil {
			return "", fmt.Errorf("setting %s: %w", option.Name, err)
		}
		parts = append(parts, comment(option.Description, indent)+comment(facts, indent)+line)
	}
	return strings.Join(parts, "\n\n"), nil
}

// setting renders the line of a setting: its default or, without one, its
// example.
func (s yamlStyle) setting(option config.Option, indent int) (string, error) {
	value := option.Default
	if value == nil || option.Active && option.Example != nil {
		value = option.Example
	}
	sign := s.sign
	if option.Active {
		sign = ""
	}
	if option.Type == config.TypeProcessors {
		var block bytes.Buffer
		encoder := yaml.NewEncoder(&block)
		encoder.SetIndent(2)
		if err := encoder.Encode(map[string]any{option.Name: value}); err != nil {
			return "", err
		}
		return indentLines(strings.TrimRight(block.String(), "\n"), indent, sign), nil
	}
	text, err := flow(option, value)
	if err != nil {
		return "", err
	}
	return strings.Repeat(" ", indent) + sign + option.Name + ": " + text, nil
}

// facts returns what is to be known of a setting's value, in one line.
func facts(option config.Option) (string, error) {
	var all []string
	if option.Required {
		all = append(all, "Required.")
	}
	switch {
	case option.DefaultText != "":
		all = append(all, "Default: "+strings.TrimSuffix(option.DefaultText, ".")+".")
	case option.Default != nil:
		text, err := flow(option, option.Default)
		if err != nil {
			return "", err
		}
		if option.Unit != "" {
			text += " " + option.Unit
		}
		all = append(all, "Default: "+text+".")
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
	return strings.Join(all, " "), nil
}

// flow renders a value on one line.
func flow(option config.Option, value any) (string, error) {
	if option.Type == config.TypeFileMode {
		// Unquoted: YAML reads an octal number then.
		return fmt.Sprint(value), nil
	}
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return "", err
	}
	if err := setFlow(&node, false); err != nil {
		return "", err
	}
	text, err := yaml.Marshal(&node)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

// setFlow puts lists and maps on one line and strings that need quotes in double
// ones. within says that the node stands in a list or map.
func setFlow(node *yaml.Node, within bool) error {
	switch node.Kind {
	case yaml.SequenceNode, yaml.MappingNode:
		node.Style = yaml.FlowStyle
	case yaml.ScalarNode:
		text, err := yaml.Marshal(node)
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(text), "'") || within && strings.ContainsAny(node.Value, "{}[]:, ") {
			node.Style = yaml.DoubleQuotedStyle
		}
	}
	for _, child := range node.Content {
		if err := setFlow(child, true); err != nil {
			return err
		}
	}
	return nil
}

var markdownLink = regexp.MustCompile(`\[([^\]]*)\]\((https?://[^)]*)?[^)]*\)`)

// plain turns Markdown into plain text: links become their text, with the
// address when it leads out of the documentation.
func plain(markdown string) string {
	text := markdownLink.ReplaceAllStringFunc(markdown, func(link string) string {
		parts := markdownLink.FindStringSubmatch(link)
		if parts[2] != "" {
			return parts[1] + " (" + parts[2] + ")"
		}
		return parts[1]
	})
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
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Repeat(" ", indent) + sign + line
	}
	return strings.Join(lines, "\n")
}
