// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
)

// glance renders a table of all settings of threatqbeat itself, each linked to
// its description.
func glance() (string, error) {
	var out strings.Builder
	out.WriteString("| Setting | Type | Default | Range |\n|---|---|---|---|\n")
	for _, scope := range []*config.Scope{config.InputSettings(), config.BeatSettings()} {
		for _, section := range scope.Sections {
			for _, option := range section.Options {
				value, err := markdownDefault(option)
				if err != nil {
					return "", err
				}
				target := anchor(option.Name)
				if section.Include != "" {
					target = anchor(section.Title)
				}
				fmt.Fprintf(&out, "| [`%s`](#%s) | %s | %s | %s |\n",
					option.Name, target, option.Type, value, cell(rangeAndUnit(option)))
			}
		}
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

// markdownSections renders the sections of a scope, "input" or "beat", with a
// heading for each setting. A section of shared settings becomes a table.
func markdownSections(scope string) (string, error) {
	var sections []config.Section
	switch scope {
	case "input":
		sections = config.InputSettings().Sections
	case "beat":
		sections = config.BeatSettings().Sections
	default:
		return "", fmt.Errorf("there is no scope %q", scope)
	}
	var out strings.Builder
	for _, section := range sections {
		fmt.Fprintf(&out, "### %s\n\n", section.Title)
		if section.Text != "" {
			out.WriteString(strings.TrimSpace(section.Text) + "\n\n")
		}
		if section.Include != "" {
			table, err := markdownTable(section.Options, func(o config.Option) string { return o.Name })
			if err != nil {
				return "", err
			}
			out.WriteString(table + "\n\n")
			continue
		}
		for _, option := range section.Options {
			text, err := markdownOption(option)
			if err != nil {
				return "", fmt.Errorf("setting %s: %w", option.Name, err)
			}
			out.WriteString(text + "\n")
		}
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

func markdownOption(option config.Option) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "#### `%s`\n\n%s\n\n", option.Name, strings.TrimSpace(option.Description))
	value, err := markdownDefault(option)
	if err != nil {
		return "", err
	}
	facts := []string{"Type: " + string(option.Type)}
	if option.Required {
		facts = append(facts, "required")
	} else {
		facts = append(facts, "default: "+value)
	}
	if text := rangeAndUnit(option); text != "" {
		facts = append(facts, text)
	}
	if option.Secret() && !option.Free() {
		facts = append(facts, "secret")
	}
	if option.Since != config.InputSettings().Since {
		facts = append(facts, "since "+option.Since)
	}
	out.WriteString(strings.Join(facts, " · ") + "\n")
	return out.String(), nil
}

// libbeatTables renders the settings of Libbeat sections.
func libbeatTables(files ...string) (string, error) {
	var parts []string
	for _, file := range files {
		for _, section := range config.LibbeatSections()[file] {
			part := "### " + section.Title + "\n\n"
			if section.Text != "" {
				part += strings.TrimSpace(section.Text) + "\n\n"
			}
			table, err := markdownTable(section.Options, section.FullName)
			if err != nil {
				return "", fmt.Errorf("section %s: %w", section.Title, err)
			}
			part += table
			if section.SSL != "" {
				part += fmt.Sprintf("\n| `%s.%s*` | | TLS, with the settings of [`request.ssl.*`](#tls). |", section.Key, section.SSL)
			}
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n\n"), nil
}

func markdownTable(list []config.Option, name func(config.Option) string) (string, error) {
	lines := []string{"| Setting | Default | |", "|---|---|---|"}
	for _, option := range list {
		value, err := markdownDefault(option)
		if err != nil {
			return "", err
		}
		description := strings.Join(strings.Fields(option.Description), " ")
		if text := rangeAndUnit(option); text != "" {
			description += " " + strings.ToUpper(text[:1]) + text[1:] + "."
		}
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s |", name(option), value, cell(description)))
	}
	return strings.Join(lines, "\n"), nil
}

func markdownDefault(option config.Option) (string, error) {
	switch {
	case option.DefaultText != "":
		return cell(option.DefaultText), nil
	case option.Default != nil:
		text, err := flow(option, option.Default)
		if err != nil {
			return "", err
		}
		return cell("`" + text + "`"), nil
	case option.Required:
		return "required", nil
	default:
		return "not set", nil
	}
}

func rangeAndUnit(option config.Option) string {
	text := option.RangeText()
	if len(option.Values) > 0 {
		text = "one of `" + strings.Join(option.Values, "`, `") + "`"
	}
	switch {
	case text == "":
		return option.Unit
	case option.Unit != "":
		return text + " " + option.Unit
	default:
		return text
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// anchor returns the link target that GitHub gives to a heading.
func anchor(heading string) string {
	var out strings.Builder
	for _, char := range strings.ToLower(heading) {
		switch {
		case char == ' ':
			out.WriteByte('-')
		case char == '-' || char == '_' || char >= 'a' && char <= 'z' || char >= '0' && char <= '9':
			out.WriteRune(char)
		}
	}
	return out.String()
}
