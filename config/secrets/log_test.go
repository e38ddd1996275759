// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

type stringer struct{ text string }

func (s stringer) String() string { return s.text }

func TestFieldsOfALine(t *testing.T) {
	var v vault
	v.learn(`se"cret`)
	var missing *stringer
	tests := map[string]struct {
		field zapcore.Field
		want  string
	}{
		"text":            {zap.String("a", `x se"cret y`), `{"a":"x xxxxx y"}`},
		"no secret":       {zap.String("a", "x y"), `{"a":"x y"}`},
		"number":          {zap.Int("a", 1), `{"a":1}`},
		"error":           {zap.NamedError("a", fmt.Errorf("at: %w", errors.New(`se"cret`))), `{"a":"at: xxxxx"}`},
		"bytes":           {zap.ByteString("a", []byte(`se"cret`)), `{"a":"xxxxx"}`},
		"stringer":        {zap.Stringer("a", stringer{`se"cret`}), `{"a":"xxxxx"}`},
		"nil":             {zap.Stringer("a", missing), `{"a":"<nil>"}`},
		"list":            {zap.Strings("a", []string{"x", `se"cret`}), `{"a":["x","xxxxx"]}`},
		"anything":        {zap.Any("a", map[string]any{"b": []any{1, `se"cret`}, "c": 1.5}), `{"a":{"b":[1,"xxxxx"],"c":1.5}}`},
		"JSON in a text":  {zap.String("a", `{"b":"se\"cret"}`), `{"a":"{\"b\":\"xxxxx\"}"}`},
		"a dictionary":    {zap.Dict("a", zap.String("b", `se"cret`)), `{"a":{"b":"xxxxx"}}`},
		"can't be a JSON": {zap.Any("a", func() {}), `{"aError":"json: unsupported type: func()"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{SkipLineEnding: true})
			line, err := encoder.EncodeEntry(zapcore.Entry{}, v.hideFields([]zapcore.Field{test.field}))
			assert.NoError(t, err)
			assert.Equal(t, test.want, line.String())
		})
	}
}

// The fields that a logger was given must not be changed below it.
func TestFieldsOfOthersAreLeftAlone(t *testing.T) {
	var v vault
	v.learn("secret")
	fields := []zapcore.Field{zap.String("a", "the secret"), zap.String("b", "none")}
	hidden := v.hideFields(fields)
	assert.Equal(t, "the secret", fields[0].String)
	assert.Equal(t, "the "+config.Redacted, hidden[0].String)
	assert.Equal(t, "none", hidden[1].String)
}

// What the guard adds to a line, as Libbeat logs it, that has no secret in it.
func BenchmarkLine(b *testing.B) {
	for i := range 20 {
		Learn(fmt.Sprintf("%c-a-password-of-benchmarks/%d+&=\"x\"", 'a'+i, i))
	}
	line := func(wrap func(zapcore.Core) zapcore.Core) func(*testing.B) {
		return func(b *testing.B) {
			encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
			log := zap.New(wrap(zapcore.NewCore(encoder, zapcore.AddSync(&discard{}), zapcore.InfoLevel)))
			b.ReportAllocs()
			for b.Loop() {
				log.Info("Cycle is complete: 1000 indicators in 1 page, the collection holds 4090.", zap.String("id", "threatq-default"),
					zap.Int("pages", 1), zap.Int("indicators", 1000), zap.String("url", "https://threatq.example.com/api/indicators/query"),
					zap.Error(errors.New("none at all")))
			}
		}
	}
	b.Run("plain", line(func(c zapcore.Core) zapcore.Core { return c }))
	b.Run("guarded", line(func(c zapcore.Core) zapcore.Core { return &core{c} }))
}

type discard struct{ last bytes.Buffer }

func (d *discard) Write(line []byte) (int, error) {
	d.last.Reset()
	return d.last.Write(line)
}

// The guard of the process's log: loggers made before and after it, those of the
// package logp and of the standard library, the level that is changed while running.
func TestGuardLog(t *testing.T) {
	var out bytes.Buffer
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "message", SkipLineEnding: true})
	level := zap.NewAtomicLevelAt(zapcore.DebugLevel) // as logp.SetLevel makes it
	logger, err := logp.NewZapLogger(zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), level)))
	require.NoError(t, err)
	require.NoError(t, logp.ConfigureWithOutputs(logp.Config{Level: logp.InfoLevel}))
	Learn("a logged secret")
	take := func() string { defer out.Reset(); return out.String() }

	require.NoError(t, GuardLog(logger, nil))
	require.NoError(t, GuardLog(logger, nil), "twice is as once")
	logger.Infow("with a logged secret", "field", "a logged secret")
	assert.Equal(t, `{"message":"with xxxxx","field":"xxxxx"}`, take())
	logger.Named("x").With("field", "a logged secret").Warn("a line")
	assert.Equal(t, `{"message":"a line","field":"xxxxx"}`, take())
	logp.NewLogger("other").Errorf("with %s", "a logged secret")
	assert.Equal(t, `{"message":"with xxxxx"}`, take())
	logp.Info("with %s", "a logged secret")
	assert.Equal(t, `{"message":"with xxxxx"}`, take())

	logger.Debug("not at this level")
	assert.Empty(t, take())
	logp.SetLevel(zapcore.DebugLevel)
	logger.Debug("with a logged secret")
	assert.Equal(t, `{"message":"with xxxxx"}`, take())
	logp.SetLevel(zapcore.ErrorLevel)
	logger.Info("no more")
	assert.Empty(t, take())
}
