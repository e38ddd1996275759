// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command manual writes threatqbeat's man page and the completions of shells,
// made from its command line.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
		"threatqbeat.1":    func(b *bytes.Buffer) error { return manPage(b, root, date) },
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

// manPage writes the page in the language of troff's man macros.
func manPage(b *bytes.Buffer, root *cobra.Command, date string) error {
	fmt.Fprintf(b, ".TH THREATQBEAT 1 %q %q\n.SH NAME\nthreatqbeat \\- %s\n", date, config.Name+" "+config.Version, escape(root.Short))
	b.WriteString(".SH SYNOPSIS\n.B threatqbeat\n[\\fIcommand\\fR] [\\fIflags\\fR]\n.SH OPTIONS OF ALL COMMANDS\n.nf\n")
	b.WriteString(escape(root.PersistentFlags().FlagUsages()) + ".fi\n.SH COMMANDS\n")
	var describe func(*cobra.Command)
	describe = func(c *cobra.Command) {
		if c.Runnable() && c.IsAvailableCommand() {
			text := c.Long
			if text == "" {
				text = c.Short + "."
			}
			fmt.Fprintf(b, ".SS %s\n%s\n", escape(c.UseLine()), strings.ReplaceAll(escape(strings.TrimSpace(text)), "\n\n", "\n.PP\n"))
			if flags := c.LocalNonPersistentFlags().FlagUsages(); flags != "" {
				fmt.Fprintf(b, ".PP\n.nf\n%s.fi\n", escape(flags))
			}
		}
		for _, sub := range c.Commands() {
			describe(sub)
		}
	}
	for _, c := range root.Commands() {
		describe(c)
	}
	b.WriteString(`.SH FILES
.TP
.I /etc/threatqbeat/threatqbeat.yml
the configuration
.TP
.I /etc/threatqbeat/inputs.d
inputs in files of their own
.TP
.I /var/lib/threatqbeat
the keystore and what has been collected
.TP
.I /usr/share/doc/threatqbeat
the documentation; begin with docs/getting-started.md
`)
	return nil
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
