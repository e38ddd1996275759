// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
	"github.com/elastic/go-ucfg"
)

// unwrap returns the path that an error of unpacking is about and the reason: one
// setting may unpack others. ok is false for any other error.
func unwrap(err error) (path string, reason error, ok bool) {
	var found ucfg.Error
	for errors.As(err, &found) {
		if found.Path() != "" {
			path = found.Path()
		}
		err, ok = found.Reason(), true
	}
	return path, err, ok
}

func isMissing(err error) bool {
	_, reason, _ := unwrap(err)
	return errors.Is(reason, ucfg.ErrMissing)
}

// index is the place in a list, at the end of a setting's path.
var index = regexp.MustCompile(`\.[0-9]+$`)

// explain puts an error of unpacking cfg, which stands at prefix ("" or a path with
// its dot), into words: the setting, its value unless it is a secret, and what
// would be right.
func explain(cfg *config.C, err error, prefix string, scope *Scope) error {
	path, reason, ok := unwrap(err)
	if !ok {
		return err
	}
	if base := cfg.Path(); base != "" {
		path = strings.TrimPrefix(strings.TrimPrefix(path, base), ".")
	}
	name := strings.TrimSuffix(prefix+path, ".")
	if name == "" {
		return reason
	}
	if isMissing(err) {
		return unresolved(cfg, path, name)
	}
	if errors.Is(reason, tlscommon.ErrKeyUnspecified) || errors.Is(reason, tlscommon.ErrCertificateUnspecified) {
		return explainTLS(name, reason)
	}
	option, known := scope.Lookup(index.ReplaceAllString(name, ""))
	if known && option.Secret() {
		return fmt.Errorf("%s can't be read: it must be %s", name, option.expectation()) // the reason may quote the value
	}
	value := ""
	if text, err := cfg.String(path, -1); err == nil && known {
		value = fmt.Sprintf(" is %q", Shorten(text))
	}
	if known && option.Name == name {
		return fmt.Errorf("%s%s: it must be %s", name, value, option.expectation())
	}
	return fmt.Errorf("%s%s: %w", name, value, reason)
}
