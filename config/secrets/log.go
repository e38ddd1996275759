// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

// GuardLog makes every line that is logged from now on pass through Hide: by the
// logger, by the loggers made of it or of the package logp from now on, and by the
// standard library's. section is the section logging, nil when it isn't known yet.
// Further calls for the same logger do nothing.
func GuardLog(logger *logp.Logger, section *conf.C) error {
	if logger == guarded {
		return nil
	}
	guarded = logger
	selectors, err := selectors(section)
	if err != nil {
		return err
	}
	level := logp.GetLevel()
	// From here on core asks for the level, which Elastic Agent may change.
	logp.SetLevel(zapcore.DebugLevel)
	// No output of its own: the logger's, guarded, is the only one.
	cfg := logp.Config{Level: levelOf(level), Selectors: selectors, AddCaller: true}
	standard := log.Writer()
	if err := logp.ConfigureWithOutputs(cfg, &core{logger.Core()}); err != nil {
		return fmt.Errorf("keeping secrets out of the log: %w", err)
	}
	log.SetOutput(standard)
	if standard != io.Discard {
		log.SetOutput(Writer(standard))
	}
	*logger = *logp.L()
	return nil
}

// guarded is the logger that was guarded last. Libbeat makes another when it configures
// the log of a command that has configured one already.
var guarded *logp.Logger

// selectors returns which debug messages are switched on, which the package logp
// keeps for itself.
func selectors(section *conf.C) ([]string, error) {
	settings := struct {
		Selectors []string `config:"selectors"`
	}{}
	if section != nil {
		if err := section.Unpack(&settings); err != nil {
			return nil, fmt.Errorf("reading logging.selectors: %w", err)
		}
	}
	if d := flag.Lookup("d"); d != nil {
		if given, ok := d.Value.(*conf.StringsFlag); ok {
			for _, list := range given.List() {
				settings.Selectors = append(settings.Selectors, strings.Split(list, ",")...)
			}
		}
	}
	return settings.Selectors, nil
}

func levelOf(level zapcore.Level) logp.Level {
	for _, candidate := range []logp.Level{logp.DebugLevel, logp.InfoLevel, logp.WarnLevel, logp.ErrorLevel} {
		if candidate.ZapLevel() == level {
			return candidate
		}
	}
	return logp.CriticalLevel
}

// core hides secrets in what it passes on.
type core struct{ zapcore.Core }

func (c *core) Enabled(level zapcore.Level) bool {
	return logp.GetLevel().Enabled(level) && c.Core.Enabled(level)
}

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{c.Core.With(process.hideFields(fields))}
}

// Check adds the core to those that write the line. At the debug level the
// selectors decide, which the guarded core knows.
func (c *core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(entry.Level) || entry.Level == zapcore.DebugLevel && c.Core.Check(entry, nil) == nil {
		return checked
	}
	return checked.AddCore(entry, c)
}

func (c *core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	entry.Message = process.hide(entry.Message)
	entry.Stack = process.hide(entry.Stack)
	return c.Core.Write(entry, process.hideFields(fields))
}

func (c *core) Close() error {
	if closer, ok := c.Core.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// hideFields returns the fields without secrets, the same slice when there is none.
func (v *vault) hideFields(fields []zapcore.Field) []zapcore.Field {
	if v.replacer.Load() == nil {
		return fields
	}
	changed := false
	for i := range fields {
		hidden, found := v.hideField(fields[i])
		if !found {
			continue
		}
		if !changed {
			fields, changed = slices.Clone(fields), true
		}
		fields[i] = hidden
	}
	return fields
}

// hideField returns a field without secrets, and whether there was one.
func (v *vault) hideField(field zapcore.Field) (zapcore.Field, bool) {
	switch field.Type {
	case zapcore.StringType:
		text := v.hide(field.String)
		return zap.String(field.Key, text), text != field.String
	case zapcore.ErrorType:
		err, ok := field.Interface.(error)
		if !ok {
			return field, false
		}
		text, found := errorText(err)
		hidden := v.hide(text)
		return zap.NamedError(field.Key, errors.New(hidden)), found && hidden != text
	case zapcore.BoolType, zapcore.DurationType, zapcore.TimeType, zapcore.TimeFullType, zapcore.NamespaceType, zapcore.SkipType,
		zapcore.Float64Type, zapcore.Float32Type, zapcore.Int64Type, zapcore.Int32Type, zapcore.Int16Type, zapcore.Int8Type,
		zapcore.Uint64Type, zapcore.Uint32Type, zapcore.Uint16Type, zapcore.Uint8Type, zapcore.UintptrType,
		zapcore.Complex64Type, zapcore.Complex128Type:
		return field, false
	default:
		return v.hideEncoded(field)
	}
}

// errorText returns the text of an error, unless that panics: a pointer that is
// nil does.
func errorText(err error) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	return err.Error(), true
}

// hideEncoded looks for secrets in a field as it is written. One that holds a
// secret becomes what can be read of its text again.
func (v *vault) hideEncoded(field zapcore.Field) (zapcore.Field, bool) {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{SkipLineEnding: true})
	buf, err := encoder.EncodeEntry(zapcore.Entry{}, []zapcore.Field{field})
	if err != nil {
		return field, false
	}
	defer buf.Free()
	text := buf.String()
	hidden := v.hide(text)
	if hidden == text {
		return field, false
	}
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader([]byte(hidden)))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return zap.String(field.Key, config.Redacted), true
	}
	if value, ok := values[field.Key]; ok {
		return zap.Any(field.Key, value), true
	}
	return zap.Any(field.Key, values), true // fields that were inlined
}
