// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(context.Background(), *root); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string) error {
	packages, err := linkedPackages(ctx, root)
	if err != nil {
		return err
	}
	modules := modulesOf(packages)
	for _, m := range modules {
		if err := m.describe(); err != nil {
			return err
		}
	}
	text, err := render(modules)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "NOTICE"), text, 0o644)
}

//go:embed NOTICE.tmpl
var noticeTemplate string

// licenceText is the text of a licence.
type licenceText struct{ Licence, Text string }

// render writes the notice.
func render(modules []*module) ([]byte, error) {
	tmpl, err := template.New("NOTICE").Funcs(template.FuncMap{
		"join":  strings.Join,
		"lines": func(text string) []string { return strings.Split(text, "\n") },
	}).Parse(noticeTemplate)
	if err != nil {
		return nil, err
	}
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
	var out bytes.Buffer
	err = tmpl.Execute(&out, map[string]any{"Modules": modules, "Texts": texts})
	return out.Bytes(), err
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
