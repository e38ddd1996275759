// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/keystore"
	"github.com/elastic/go-ucfg"
	"github.com/elastic/go-ucfg/parse"
)

// useVariables lets settings refer to the keystore and to the environment, as
// every Beat does, but for one thing: a variable of the environment reaches a setting
// as it is, unless it is a list, an object or in quotes. Libbeat's own way makes 42798
// of 0123456, cuts blanks off, and ends in an error that quotes a password when it
// begins with a bracket.
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
	parsed, err := parse.ValueWithConfig(value, parse.EnvConfig)
	_, isText := parsed.(string)
	quoted := isText && strings.ContainsAny(value[:1], `'"`)
	if kind := reflect.ValueOf(parsed).Kind(); err == nil && (quoted || kind == reflect.Slice || kind == reflect.Map || fmt.Sprint(parsed) == value) {
		return value, parse.EnvConfig, nil
	}
	return value, parse.NoopConfig, nil
}

// variablesAreShown tells whether settings show the variables that they refer to
// and not their values, as for the command export config.
func variablesAreShown() bool {
	const name = "PATH"
	text, err := conf.MustNewConfigFrom(map[string]any{"probe": "${" + name + ":}"}).String("probe", -1)
	return err == nil && text != "" && text != os.Getenv(name)
}
