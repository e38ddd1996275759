// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"os"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/keystore"
	"github.com/elastic/go-ucfg"
	"github.com/elastic/go-ucfg/parse"
)

// useVariables lets settings refer to the keystore and to the environment, as
// every Beat does, but for one thing: a variable that can't be parsed is a plain
// text. Libbeat's own way ends in an error that quotes it, and a password that
// begins with a bracket would stand in the log.
func useVariables(store keystore.Keystore) {
	options := []ucfg.Option{ucfg.PathSep("."), ucfg.Resolve(fromEnvironment), ucfg.VarExp}
	if store != nil {
		options = append([]ucfg.Option{ucfg.Resolve(keystore.ResolverWrap(store))}, options...)
	}
	conf.OverwriteConfigOpts(options)
}

func fromEnvironment(name string) (string, parse.Config, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", parse.EnvConfig, ucfg.ErrMissing
	}
	if _, err := parse.ValueWithConfig(value, parse.EnvConfig); err != nil {
		return value, parse.NoopConfig, nil
	}
	return value, parse.EnvConfig, nil
}

// variablesAreShown tells whether settings show the variables that they refer to
// and not their values, as for the command export config.
func variablesAreShown() bool {
	const name = "PATH"
	text, err := conf.MustNewConfigFrom(map[string]any{"probe": "${" + name + ":}"}).String("probe", -1)
	return err == nil && text != "" && text != os.Getenv(name)
}
