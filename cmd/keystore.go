// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
)

// askOnlyWhoAnswers lets the keystore's commands refuse to ask whether to go on when
// standard input has no answer. Libbeat's question would end in a stack trace.
// It also keeps the end of a line out of a value that is read from a pipe.
func askOnlyWhoAnswers(keystore *cobra.Command, settings instance.Settings) {
	for _, name := range []string{"create", "add"} {
		c := child(keystore, name)
		c.PreRunE = func(c *cobra.Command, args []string) error {
			question, err := keystoreQuestion(settings, name, args)
			if err != nil {
				return err
			}
			force, _ := c.Flags().GetBool("force")
			ask := question != "" && !force
			if stdin, _ := c.Flags().GetBool("stdin"); stdin {
				if ask {
					return fmt.Errorf("%s, and standard input holds the value: add --force to go on", question)
				}
				value, err := io.ReadAll(os.Stdin)
				if err != nil {
					return fmt.Errorf("reading the value from standard input: %w", err)
				}
				return readAgain(bytes.NewReader(bytes.TrimRight(value, "\r\n")))
			}
			if !ask || term.IsTerminal(int(os.Stdin.Fd())) {
				return nil
			}
			answers := bufio.NewReader(os.Stdin)
			if _, err := answers.Peek(1); err != nil {
				return fmt.Errorf("%s, and standard input is closed, so that nobody can be asked: add --force to go on", question)
			}
			return readAgain(answers)
		}
	}
}

// keystoreQuestion returns why a command will ask before it goes on, empty when it
// won't.
func keystoreQuestion(settings instance.Settings, command string, keys []string) (string, error) {
	cfg, err := cfgfile.Load("", settings.ConfigOverrides)
	if err != nil {
		return "", fmt.Errorf("loading the configuration: %w", err)
	}
	if err := instance.InitPaths(cfg); err != nil {
		return "", fmt.Errorf("resolving the paths: %w", err)
	}
	store, err := openKeystore(cfg, settings.Name)
	if err != nil {
		return "", err
	}
	switch {
	case command == "create" && store.IsPersisted():
		return "a keystore exists already", nil
	case command == "add" && !store.IsPersisted():
		return "the keystore does not exist yet", nil
	case command == "add" && len(keys) == 1:
		if value, _ := store.Retrieve(keys[0]); value != nil {
			return fmt.Sprintf("the keystore holds %s already", keys[0]), nil
		}
	}
	return "", nil
}

// readAgain makes what is left of standard input standard input.
func readAgain(rest io.Reader) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	os.Stdin = r
	go func() {
		_, _ = io.Copy(w, rest) // the command reads an end
		_ = w.Close()
	}()
	return nil
}
