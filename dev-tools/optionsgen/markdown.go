// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
)

// markdownDefault says in a table what holds when a setting isn't set.
func markdownDefault(option config.Option) string {
	switch {
	case option.DefaultText != "":
		return cell(option.DefaultText)
	case option.Default != nil:
		return cell("`" + flow(option, option.Default) + "`")
	case option.Required:
		return "required"
	default:
		return "not set"
	}
}

// limits says which values are allowed, and in which unit.
func limits(option config.Option) string {
	text := option.RangeText()
	if len(option.Values) > 0 {
		text = "one of `" + strings.Join(option.Values, "`, `") + "`"
	}
	return strings.TrimSpace(text + " " + option.Unit)
}

// summary is a description with the limits, on one line.
func summary(option config.Option) string {
	text := oneLine(option.Description)
	if limits := limits(option); limits != "" {
		text += " " + strings.ToUpper(limits[:1]) + limits[1:] + "."
	}
	return cell(text)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

var notInAnchors = regexp.MustCompile(`[^a-z0-9_-]`)

// anchor returns the link target that GitHub gives to a heading.
func anchor(heading string) string {
	return notInAnchors.ReplaceAllString(strings.ReplaceAll(strings.ToLower(heading), " ", "-"), "")
}
