// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/elastic/elastic-agent-libs/logp"
)

// untrue are the beginnings of what Libbeat's output says of a document that was
// refused. It takes it for a dead letter, and names it again with each attempt; what
// became of it is said by this package.
var untrue = []string{
	"Cannot index event '",
	"Failed to index ",
	"BETA: The non_indexable_policy dead_letter_index",
}

// quiet returns the logger without these lines.
func quiet(log *logp.Logger) *logp.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return quietCore{core} }))
}

type quietCore struct{ zapcore.Core }

// With adds fields to the lines.
func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

// Check leaves out what is untrue.
func (c quietCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	for _, beginning := range untrue {
		if strings.HasPrefix(entry.Message, beginning) {
			return checked
		}
	}
	return c.Core.Check(entry, checked)
}
