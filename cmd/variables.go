// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/keystore"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/paths"
	"github.com/elastic/go-ucfg"
	"github.com/elastic/go-ucfg/parse"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// useVariables lets settings refer to the keystore and to the environment, as
// every Beat does, but for two things. A variable that can't be parsed is a plain
// text: Libbeat's own way ends in an error that quotes it, and a password that begins
// with a bracket would be written to the log. And a text of an input gets a variable as it
// is, where Libbeat's own way makes 42798 of 0123456 and cuts blanks off.
func useVariables(store keystore.Keystore) {
	conf.OverwriteConfigOpts([]ucfg.Option{
		ucfg.Resolve(keystore.ResolverWrap(store)), ucfg.PathSep("."), ucfg.Resolve(fromEnvironment), ucfg.VarExp,
	})
	config.UseVariables(func(name string) (string, bool) {
		if value, err := store.Retrieve(name); err == nil {
			text, err := value.Get()
			return string(text), err == nil
		}
		value := os.Getenv(name)
		// Quotes around a value are meant; a comma or a bracket in a text is no list.
		return value, value != "" && !strings.ContainsAny(value[:1], `'"`) || changes(value, parse.EnvConfig)
	})
}

// openKeystore opens the keystore of a configuration, and learns what is secret in it.
func openKeystore(cfg *conf.C, name string) (keystore.Keystore, error) {
	store, err := instance.LoadKeystore(cfg, name, paths.Paths)
	if err != nil {
		return nil, fmt.Errorf("opening the keystore: %w", err)
	}
	secrets.LearnKeystore(store)
	return store, nil
}

// changes reports whether a variable that stands for one value would become another by
// parsing it, or could not be parsed.
func changes(value string, as parse.Config) bool {
	parsed, err := parse.ValueWithConfig(value, as)
	if _, isText := parsed.(string); isText && as.StringSQuote && strings.ContainsAny(value[:1], `'"`) {
		return false // the quotes are meant
	}
	kind := reflect.ValueOf(parsed).Kind()
	return value != "" && (err != nil || kind != reflect.Slice && kind != reflect.Map && fmt.Sprint(parsed) != value)
}

// takeTexts has the texts among Libbeat's settings take their variables as they are. It
// overrides nothing: this is the only place between the loading of the configuration and
// the reading of the output's settings that Libbeat has for it. Libbeat loads it after
// loadFile has, which knows the variables then.
func takeTexts(cfg *conf.C) bool {
	if err := config.TakeTexts(cfg); err != nil {
		logp.L().Errorw("Variables are read as Libbeat does.", "error", err)
	}
	return false
}

// replaceCredentials takes from the configuration file the credentials that the command
// line replaces, because a user and an API key exclude each other.
func replaceCredentials(file *conf.C) bool {
	given := func(name string) bool {
		found, err := flag.Lookup("E").Value.(*conf.SettingsFlag).Config().Has(name, -1)
		return err == nil && found
	}
	for _, section := range []string{"output.elasticsearch.", "setup.kibana."} {
		if given(section+"username") || given(section+"password") {
			remove(file, section+"api_key")
		}
		if given(section + "api_key") {
			remove(file, section+"username", section+"password")
		}
	}
	return false // nothing to merge
}

func remove(file *conf.C, names ...string) {
	for _, name := range names {
		_, _ = file.Remove(name, -1) // what isn't there need not be removed
	}
}

func fromEnvironment(name string) (string, parse.Config, error) {
	value := os.Getenv(name)
	switch {
	case value == "":
		return "", parse.EnvConfig, ucfg.ErrMissing
	case changes(value, parse.EnvConfig):
		return value, parse.NoopConfig, nil
	}
	return value, parse.EnvConfig, nil
}
