// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"flag"
	"fmt"
	"path/filepath"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/libbeat/management"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/logp/configure"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// loaded is the configuration as run would see it.
type loaded struct {
	config config.Beat
	output conf.Namespace
	all    *conf.C // everything, Libbeat's sections included
	paths  *paths.Path
	log    *logp.Logger
}

// load reads the configuration as run does and initialises nothing else:
// instance.NewInitializedBeat would open log files, write meta.json and look up this
// host's name, which a command that only looks at a beat should not. It logs
// to stderr with -e only.
func load(settings instance.Settings) (*loaded, error) {
	cfg, err := loadFile(settings)
	if err != nil {
		return nil, err
	}
	l := &loaded{all: cfg, paths: paths.Paths, log: logp.NewNopLogger()}
	outputs := struct {
		Output *conf.Namespace `config:"output"`
	}{&l.output}
	if err := cfg.Unpack(&outputs); err != nil {
		return nil, fmt.Errorf("reading the settings under output: %w", err)
	}
	if toStderr() {
		logging, err := config.SettingsUnder(cfg, "logging")
		if err != nil {
			return nil, err
		}
		if err := configure.Logging(settings.Name, logging); err != nil {
			return nil, fmt.Errorf("setting up the log: %w", err)
		}
		l.log = logp.L()
		if err := secrets.GuardLog(l.log, logging); err != nil {
			return nil, err
		}
	}
	own, err := config.SettingsUnder(cfg, settings.Name)
	if err != nil {
		return nil, err
	}
	if l.config, err = config.ReadBeat(own); err != nil {
		return nil, err
	}
	return l, nil
}

// loadFile returns the configuration as run sees it (-c, -E, --path.*, the keystore,
// the environment), and refuses the mistakes that stand above the inputs.
func loadFile(settings instance.Settings) (*conf.C, error) {
	if err := cfgfile.HandleFlags(); err != nil {
		return nil, fmt.Errorf("reading the flags: %w", err)
	}
	var errs, scalars []error
	if !management.UnderAgent() { // Libbeat reads no file then
		for _, file := range configFiles() {
			_, err := config.ReadLines(file)
			errs = append(errs, err)
			if alone, err := common.LoadFile(file); err == nil { // else Load fails
				scalars = append(scalars, config.CheckSections(alone))
			}
		}
	}
	cfg, err := cfgfile.Load("", settings.ConfigOverrides)
	if err != nil {
		if twice := config.Join(errs...); twice != nil {
			return nil, twice
		}
		return nil, fmt.Errorf("loading the configuration: %w", err)
	}
	if management.UnderAgent() {
		return cfg, nil
	}
	if err := instance.InitPaths(cfg); err != nil {
		return nil, fmt.Errorf("resolving the paths: %w", err)
	}
	store, err := openKeystore(cfg, settings.Name)
	if err != nil {
		return nil, err
	}
	useVariables(store)
	takeTexts(cfg)
	secrets.LearnConfig(cfg)
	if err := config.Join(scalars...); err != nil {
		return nil, err
	}
	return cfg, config.Join(append(errs, config.CheckFile(cfg))...)
}

// checkFile refuses what loadFile and the use of the output would: the variables of the
// output have to be there.
func checkFile(settings instance.Settings) error {
	cfg, err := loadFile(settings)
	if err != nil || management.UnderAgent() {
		return err
	}
	return config.CheckOutput(cfg)
}

// configFiles returns the files that -c names.
func configFiles() []string {
	var paths []string
	for _, file := range flag.Lookup("c").Value.(*conf.StringsFlag).List() {
		if !filepath.IsAbs(file) {
			file = filepath.Join(cfgfile.GetPathConfig(), file)
		}
		paths = append(paths, file)
	}
	return paths
}

// setFlags sets flags of Libbeat, each a name and a value, as the command line does.
func setFlags(settings ...[2]string) error {
	for _, setting := range settings {
		if err := flag.Set(setting[0], setting[1]); err != nil {
			return fmt.Errorf("setting -%s %s: %w", setting[0], setting[1], err)
		}
	}
	return nil
}

func toStderr() bool {
	e := flag.Lookup("e")
	return e != nil && e.Value.String() == "true"
}
