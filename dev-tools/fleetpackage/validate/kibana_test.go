// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aymerick/raymond"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// kibana makes a stream of a template and the values of its variables, as the file agent.ts of
// Kibana's Fleet plugin does.
type kibana struct {
	name string
	// escape is the helper escape_string. Its argument is never empty.
	escape func(text string) string
	// patch changes what the template gives before it is read as YAML.
	patch func(filled string) string
}

var kibanas = []kibana{
	{
		name: "Kibana 8.13",
		escape: func(text string) string {
			return "'" + strings.NewReplacer("'", "''", "\n", "\n\n").Replace(text) + "'"
		},
		patch: func(filled string) string { return filled },
	},
	{
		name: "Kibana 9 with the package yaml",
		escape: func(text string) string {
			if strings.Contains(text, "\n") {
				return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
			}
			return "'" + strings.ReplaceAll(text, "'", "''") + "'"
		},
		// It takes whatever stands between two double quotes for a text, wherever they are, and
		// joins its lines.
		patch: func(filled string) string {
			return doubleQuoted.ReplaceAllStringFunc(filled, func(quoted string) string {
				return lineBreaks.ReplaceAllStringFunc(quoted, func(breaks string) string {
					return strings.Repeat(`\n`, len(breaks)-1)
				})
			})
		},
	},
}

var (
	doubleQuoted = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"`)
	lineBreaks   = regexp.MustCompile(`\n+`)
)

// compile fills in the template without escaping, with a placeholder for each value that is YAML,
// and puts the values in the place of the placeholders once the result is read.
func (k kibana) compile(t *testing.T, template string, variables []variable, values map[string]any) map[string]any {
	t.Helper()
	parsed, err := raymond.Parse(template)
	require.NoError(t, err)
	parsed.RegisterHelper("contains", func(item string, list []any, options *raymond.Options) string {
		if slices.Contains(list, any(item)) {
			return options.Fn()
		}
		return ""
	})
	parsed.RegisterHelper("escape_string", func(value any) raymond.SafeString {
		// Some versions fail for a value that is empty, all for one that is no text.
		text := fmt.Sprint(value)
		require.NotEmpty(t, text)
		return raymond.SafeString(k.escape(text))
	})

	inserted, vars := map[string]any{}, map[string]any{}
	for _, v := range variables {
		value := values[v.Name]
		text, isText := value.(string)
		switch {
		case value == nil:
		case v.Type == "yaml":
			var content any
			require.NoError(t, yaml.Unmarshal([]byte(text), &content))
			placeholder := fmt.Sprintf("##%s##", v.Name)
			inserted[placeholder] = content
			vars[v.Name] = raymond.SafeString(`"` + placeholder + `"`)
		case isText:
			vars[v.Name] = raymond.SafeString(text)
		default:
			vars[v.Name] = value
		}
	}
	filled, err := parsed.Exec(vars)
	require.NoError(t, err)
	filled = k.patch(filled)
	var stream map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(filled), &stream), "%s: %s", k.name, filled)
	for key, value := range stream {
		if text, ok := value.(string); ok {
			if content, ok := inserted[text]; ok {
				stream[key] = content
			}
		}
	}
	return stream
}
