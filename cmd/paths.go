// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"flag"
	"os"
	"path/filepath"
	"strings"

	conf "github.com/elastic/elastic-agent-libs/config"
)

// placeHome sets the paths below path.home that Libbeat would take from it by a variable,
// because a variable with a comma is a list. What the file or the command line says of
// them stays.
func placeHome(file *conf.C) bool {
	home := homeOf(file)
	if !strings.Contains(home, ",") {
		return false
	}
	for setting, path := range map[string]string{
		"path.config": home, "path.data": filepath.Join(home, "data"), "path.logs": filepath.Join(home, "logs"),
	} {
		if has, err := file.Has(setting, -1); err == nil && !has {
			_ = file.SetString(setting, -1, path) // if it fails, Libbeat says which
		}
	}
	return false // nothing to merge
}

// homeOf returns path.home as the command line, the file or else the binary's place says
// it, "" when that can't be read.
func homeOf(file *conf.C) string {
	for _, cfg := range []*conf.C{flag.Lookup("E").Value.(*conf.SettingsFlag).Config(), file} {
		if has, err := cfg.Has("path.home", -1); err == nil && has {
			home, _ := cfg.String("path.home", -1)
			return home
		}
	}
	home, _ := filepath.Abs(filepath.Dir(os.Args[0]))
	return home
}
