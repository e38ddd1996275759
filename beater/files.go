// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/common/reload"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

// inputFiles are the files that threatqbeat.config.inputs names.
type inputFiles struct {
	pattern string
	log     *logp.Logger
	// taken are the ids of the inputs that stand in threatqbeat.yml, with their places.
	taken map[string]string
	// running are the inputs of each file that were last found fit to run.
	running map[string][]*config.Input
}

func newInputFiles(cfg *config.Beat, taken []*config.Input, p *paths.Path, log *logp.Logger) *inputFiles {
	pattern := cfg.Config.Inputs.Path
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(config.PathPattern(p.Resolve(paths.Config, "")), pattern)
	}
	files := &inputFiles{pattern: pattern, log: log, taken: map[string]string{}}
	for _, in := range taken {
		files.taken[in.ID] = "an input of threatqbeat.inputs"
	}
	return files
}

// scan reads the files and returns the inputs that are to run. In a file with a
// mistake, those that ran go on as they are until the mistake is corrected: the error
// names the file, the input and what would be right.
func (f *inputFiles) scan(files []string) ([]*config.Input, error) {
	places := maps.Clone(f.taken)
	// Of two inputs with one id the one that runs already goes on.
	before := map[string]string{}
	for file, inputs := range f.running {
		for _, in := range inputs {
			before[in.ID] = file
		}
	}
	var all []*config.Input
	var errs []error
	running := map[string][]*config.Input{}
	for _, file := range files {
		inputs, err := readInputFile(file, f.log, func(id string) error {
			if other, ok := before[id]; ok && other != file && slices.Contains(files, other) {
				places[id] = other
			}
			return claim(places, id, file)
		})
		if err != nil {
			errs = append(errs, err)
			for _, in := range f.running[file] {
				fresh := slices.ContainsFunc(inputs, func(other *config.Input) bool { return other.ID == in.ID })
				if !fresh && claim(places, in.ID, file) == nil {
					inputs = append(inputs, in)
				}
			}
		}
		running[file] = inputs
		all = append(all, inputs...)
	}
	f.running = running
	return all, config.Join(errs...)
}

// readInputFile returns the enabled inputs of a file that could run, and what is
// wrong with the others. claim takes an input's id.
func readInputFile(file string, log *logp.Logger, claim func(id string) error) ([]*config.Input, error) {
	lines, err := config.ReadLines(file)
	if err != nil {
		return nil, err
	}
	list, err := cfgfile.LoadList(file, log)
	if err != nil {
		return nil, fmt.Errorf("reading the inputs of %s: %w", file, err)
	}
	var inputs []*config.Input
	var errs []error
	for i, raw := range list {
		if !raw.Enabled() {
			continue
		}
		in, err := readInput(raw, nil)
		if err == nil {
			err = claim(in.ID)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, lines.Of(strconv.Itoa(i), err), err))
			continue
		}
		inputs = append(inputs, in)
	}
	return inputs, config.Join(errs...)
}

// read reads the files once and refuses what could not run.
func (f *inputFiles) read() ([]*config.Input, error) {
	files, _, err := cfgfile.NewGlobWatcher(f.pattern, f.log).Scan()
	if err != nil {
		return nil, fmt.Errorf("looking for the files of threatqbeat.config.inputs: %w", err)
	}
	return f.scan(files)
}

// follow runs the inputs of the files in list and follows the changes of the files,
// until done is closed. What is wrong with the files is kept in keeper.
func (f *inputFiles) follow(done <-chan struct{}, period time.Duration, factory *inputFactory, list *cfgfile.RunnerList, keeper *health.Keeper) {
	watcher := cfgfile.NewGlobWatcher(f.pattern, f.log)
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	var before error
	for first := true; ; first = false {
		files, changed, err := watcher.Scan()
		if err != nil {
			err = fmt.Errorf("looking for the files of threatqbeat.config.inputs: %w", err)
		} else if changed || first || before != nil { // what failed is tried again
			var inputs []*config.Input
			inputs, err = f.scan(files)
			err = config.Join(err, start(factory, list, inputs))
		}
		f.report(err, before, keeper)
		before = err
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// report says what is wrong with the files, once as long as it stays the same.
func (f *inputFiles) report(err, before error, keeper *health.Keeper) {
	switch {
	case err == nil && before != nil:
		f.log.Info("The files of inputs are right again.")
		keeper.Clear(health.Files)
	case err != nil && (before == nil || err.Error() != before.Error()):
		f.log.Errorf("Files of inputs have mistakes. What ran before goes on as it was: %s.", err)
		keeper.Set(health.Files, health.Degraded, err.Error())
	}
}

// start has a list run the inputs, and stop those that it ran besides.
func start(factory *inputFactory, list *cfgfile.RunnerList, inputs []*config.Input) error {
	factory.keep(inputs...)
	configs := make([]*reload.ConfigWithMeta, 0, len(inputs))
	for _, in := range inputs {
		configs = append(configs, &reload.ConfigWithMeta{Config: in.Raw()})
	}
	err := list.Reload(configs)
	factory.read.Clear() // those that ran already
	return err
}
