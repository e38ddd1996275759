// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command manual writes threatqbeat's man page and the completions of shells,
// made from its command line.
package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/threatqbeat/threatqbeat/cmd"
	"github.com/threatqbeat/threatqbeat/config"
)

func main() {
	out := flag.String("o", ".", "folder to write to")
	date := flag.String("date", "", "date of the man page")
	flag.Parse()
	if err := write(*out, *date); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func write(dir, date string) error {
	root := &cmd.RootCmd.Command
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for name, generate := range map[string]func(*bytes.Buffer) error{
		"threatqbeat.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_threatqbeat":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"threatqbeat.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		"threatqbeat.1.gz": func(b *bytes.Buffer) error { return manPage(b, root, date) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return fmt.Errorf("making %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

//go:embed threatqbeat.1.tmpl
var manPageTemplate string

// manPage writes the page in the language of troff's man macros, compressed.
func manPage(out io.Writer, root *cobra.Command, date string) error {
	tmpl, err := template.New("manual").Funcs(template.FuncMap{"escape": escape, "paragraphs": paragraphs}).Parse(manPageTemplate)
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(out)
	err = tmpl.Execute(zipped, map[string]any{
		"Root": root, "Commands": commands(root), "Date": date, "Version": config.Name + " " + config.Version,
	})
	return errors.Join(err, zipped.Close())
}

// commands returns the commands below c that do something, in order.
func commands(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.Runnable() && sub.IsAvailableCommand() {
			all = append(all, sub)
		}
		all = append(all, commands(sub)...)
	}
	return all
}

// paragraphs renders a text whose paragraphs have a blank line between them.
func paragraphs(text string) string {
	return strings.ReplaceAll(escape(strings.TrimSpace(text)), "\n\n", "\n.PP\n")
}

// escape keeps troff from reading text as requests.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "")
}
