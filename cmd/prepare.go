// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/management"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// prepare is called before every command, with the flags read.
func prepare(c *cobra.Command) error {
	path := strings.Fields(c.CommandPath())[1:]
	runs := len(path) == 0 || path[0] == "run"
	reads := runs || slices.Contains([]string{"test", "setup", "keystore", "cursor", "verify"}, path[0]) ||
		slices.Equal(path, []string{"export", "config"})
	if version := c.Flags().Lookup("version"); !reads || version != nil && version.Changed {
		return nil
	}
	if err := cfgfile.HandleFlags(); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	// export config initialises no log, and shows the settings as they are.
	if err := checkConfigFiles(); err != nil || runs || path[0] == "export" {
		return err
	}
	// A command stays out of the logs directory: Libbeat would begin a new log file for
	// it, and delete the oldest one of the beat that runs. With -e it logs to standard
	// error.
	return setFlags([2]string{"E", "logging.to_files=false"}, [2]string{"E", "logging.event_data.to_files=false"})
}

// checkConfigFiles says where a configuration file that isn't there was looked for.
func checkConfigFiles() error {
	if management.UnderAgent() {
		return nil
	}
	dir, reason := cfgfile.GetPathConfig(), "the directory of --path.config or, without it, of --path.home"
	if dir == "" {
		dir, reason = ".", "the current directory, because neither --path.config nor --path.home is given"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("resolving %s: %w", reason, err)
	}
	for _, name := range flag.Lookup("c").Value.(*conf.StringsFlag).List() {
		where := fmt.Sprintf(" in %s (%s): name another file with -c or another directory with --path.config", dir, reason)
		file := filepath.Join(dir, name)
		if filepath.IsAbs(name) {
			file, where = name, ": name another with -c"
		}
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no configuration file %s%s", name, where)
		}
	}
	return nil
}
