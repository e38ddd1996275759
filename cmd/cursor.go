// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/cmd/instance/locks"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

func newCursorCmd(settings instance.Settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cursor",
		Short: "Show and reset the saved cursors, agree to sweeps",
		Long: `A cursor is how far an input has come in its data collection. It is saved in
the data directory once the output has acknowledged everything before it. A sweep
compares the data collection with what was delivered; see docs/reconciliation.md.`,
	}
	refuseUnknown(cmd)
	cmd.AddCommand(newCursorListCmd(settings), newCursorResetCmd(settings), newCursorAcceptCmd(settings))
	return cmd
}

func newCursorListCmd(settings instance.Settings) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show each input's saved cursor",
		Long: `Shows the saved cursors of the data directory: the input, the appliance, the data
collection, the cursor mark, when the mark was received, how many indicators have
been collected since the start of the data collection, and what the last sweep has
come to.

It changes nothing, and may be used while threatqbeat runs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listCursors(cmd.OutOrStdout(), cmd.ErrOrStderr(), settings, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per cursor and line, with the whole cursor mark")
	return cmd
}

func newCursorResetCmd(settings instance.Settings) *cobra.Command {
	var selection registry.Selection
	cmd := &cobra.Command{
		Use:   "reset [ID ...]",
		Short: "Remove saved cursors, so that their data collections are collected anew",
		Long: `Removes the saved cursors of the inputs with these ids, or of all inputs. At its
next start threatqbeat collects their data collections from the start. What has
been shipped already is not touched: it is shipped once more.

threatqbeat must not be running on the same data directory.`,
		Example: "  threatqbeat cursor reset threatq-default\n  threatqbeat cursor reset --all --url https://threatq.example.com",
		RunE: func(cmd *cobra.Command, ids []string) error {
			selection.IDs = ids
			return resetCursors(cmd.OutOrStdout(), cmd.ErrOrStderr(), settings, selection)
		},
	}
	cmd.Flags().BoolVar(&selection.All, "all", false, "the cursors of every input")
	cmd.Flags().StringVar(&selection.URL, "url", "", "only cursors of this appliance")
	cmd.Flags().StringVar(&selection.DataCollectionID, "data-collection", "", "only cursors of this data collection")
	return cmd
}

func newCursorAcceptCmd(settings instance.Settings) *cobra.Command {
	input := ""
	cmd := &cobra.Command{
		Use:   "accept --input ID",
		Short: "Agree to a sweep that would retire unusually many indicators",
		Long: `A sweep that would retire more indicators than reconcile.max_removed allows
retires none, and the input is degraded. This command agrees to what the last one has
held back: the next sweep may retire as many. A running threatqbeat makes it after its
next cycle, otherwise it is made after the next start.`,
		Args:    cobra.NoArgs,
		Example: "  threatqbeat cursor accept --input threatq-default",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, _, err := cursorStore(settings)
			if err != nil {
				return err
			}
			held, err := store.Accept(input, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The next sweep of input %q may retire %d of %d known indicators.\n", held.InputID, held.HeldBack, held.HeldBackOf)
			return nil
		},
	}
	cmd.Flags().StringVar(&input, "input", "", "id of the input")
	_ = cmd.MarkFlagRequired("input")
	return cmd
}

// cursorStore returns where run keeps the cursors.
func cursorStore(settings instance.Settings) (registry.Files, *loaded, error) {
	l, err := load(settings)
	if err != nil {
		return registry.Files{}, nil, err
	}
	return registry.Files{
		Root:     registry.Root(l.config.Registry, l.paths),
		FileMode: l.config.Registry.FilePermissions,
	}, l, nil
}

func listCursors(out, warn io.Writer, settings instance.Settings, asJSON bool) error {
	store, _, err := cursorStore(settings)
	if err != nil {
		return err
	}
	snapshot, err := readCursors(warn, store)
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		return registry.WriteJSON(out, snapshot.Cursors)
	case len(snapshot.Cursors) == 0:
		fmt.Fprintln(out, noCursor(store))
		return nil
	default:
		return registry.WriteTable(out, snapshot.Cursors, time.Now())
	}
}

func noCursor(store registry.Files) string {
	return fmt.Sprintf("No cursor is saved in %s: nothing has been collected there yet.", store.Home())
}

// readCursors reads the cursors and says what could not be read.
func readCursors(warn io.Writer, store registry.Files) (*registry.Snapshot, error) {
	snapshot, err := store.Read()
	if err != nil {
		return nil, err
	}
	for _, problem := range snapshot.Problems {
		fmt.Fprintf(warn, "Warning: %s\n", problem)
	}
	return snapshot, nil
}

func resetCursors(out, warn io.Writer, settings instance.Settings, selection registry.Selection) error {
	if err := selection.Validate(); err != nil {
		return err
	}
	store, l, err := cursorStore(settings)
	if err != nil {
		return err
	}
	exists, err := store.Exists()
	if err != nil {
		return err
	}
	if exists {
		// Held until this process ends.
		if err := lockDataDirectory(settings, l); err != nil {
			return err
		}
	}
	snapshot, err := readCursors(warn, store)
	if err != nil {
		return err
	}
	selected, err := selection.From(snapshot.Cursors)
	if err != nil {
		return err
	}
	if len(selected) == 0 {
		fmt.Fprintln(out, noCursor(store))
		return nil
	}
	if err := store.Remove(selected); err != nil {
		return err
	}
	for _, c := range selected {
		fmt.Fprintf(out, "Reset the cursor of %s (%s collected).\n", c.Describe(), c.CollectedText())
	}
	fmt.Fprintln(out, "What was reset is collected from the start when threatqbeat runs next.")
	return nil
}

// lockDataDirectory takes the lock that a running beat holds.
func lockDataDirectory(settings instance.Settings, l *loaded) error {
	locker := locks.NewWithRetry(beat.Info{Beat: settings.Name, Logger: l.log}, l.paths, 1, 0)
	err := locker.Lock()
	data := l.paths.Resolve(paths.Data, "")
	switch {
	case errors.Is(err, locks.ErrAlreadyLocked):
		return fmt.Errorf("%s is running on the data directory %s, and would save its cursors again: stop it first", settings.Name, data)
	case err != nil:
		return fmt.Errorf("locking the data directory %s: %w", data, err)
	}
	return nil
}
