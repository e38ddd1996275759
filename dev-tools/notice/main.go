// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

func main() { generated.Main("notice", generate) }

func generate(root string) (map[string][]byte, error) {
	packages, err := linkedPackages(context.Background(), root)
	if err != nil {
		return nil, err
	}
	modules := modulesOf(packages)
	for _, m := range modules {
		if err := m.describe(); err != nil {
			return nil, err
		}
	}
	text, err := render(modules)
	return map[string][]byte{"NOTICE": text}, err
}

//go:embed NOTICE.tmpl
var noticeTemplate string

// licenceText is the text of a licence.
type licenceText struct{ Licence, Text string }

// render writes the notice.
func render(modules []*module) ([]byte, error) {
	used := []string{"BSD-3-Clause"} // the standard library's
	for _, m := range modules {
		used = append(used, m.Licences...)
	}
	var texts []licenceText
	for _, id := range sortedOnce(used) {
		text, err := textOf(id, modules)
		if err != nil {
			return nil, err
		}
		texts = append(texts, licenceText{id, text})
	}
	return generated.Execute("NOTICE", noticeTemplate, template.FuncMap{
		"join":  strings.Join,
		"lines": func(text string) []string { return strings.Split(text, "\n") },
	}, map[string]any{"Modules": modules, "Texts": texts})
}

// textOf returns the text of a licence, without the copyright of the module that
// it was taken from.
func textOf(id string, modules []*module) (string, error) {
	if id == "Apache-2.0" {
		return "See the file LICENSE.", nil
	}
	at := slices.IndexFunc(modules, func(m *module) bool { return slices.Equal(m.Licences, []string{id}) })
	if at < 0 {
		return "", fmt.Errorf("no module is under %s alone, so there is no text to take", id)
	}
	var text strings.Builder
	for line := range strings.Lines(modules[at].text) {
		if len(copyrights(line)) == 0 {
			text.WriteString(line)
		}
	}
	return strings.Trim(text.String(), "\n"), nil
}
