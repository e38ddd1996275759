// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/base64"
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

// checkTLS refuses the TLS settings below path that can't be used. load reads the
// files that they name.
func checkTLS(path string, settings *tlscommon.Config, load func() (*tlscommon.TLSConfig, error)) []error {
	if !settings.IsEnabled() {
		return nil
	}
	var p problems
	for i, pin := range settings.CASha256 {
		if sum, err := base64.StdEncoding.DecodeString(pin); err != nil || len(sum) != 32 {
			p.add(fmt.Sprintf("%s.ca_sha256.%d", path, i), "is %q: it must be the SHA-256 sum of a public key in Base64, 44 characters long", Shorten(pin))
		}
	}
	if len(p) > 0 {
		return p
	}
	if _, err := load(); err != nil {
		p = append(p, explainTLS(path, err))
	}
	return p
}

// explainTLS names the setting that an error of the TLS settings is about.
func explainTLS(path string, err error) error {
	switch {
	case errors.Is(err, tlscommon.ErrKeyUnspecified):
		return fmt.Errorf("%s.key is missing: it must name the private key of %[1]s.certificate", path)
	case errors.Is(err, tlscommon.ErrCertificateUnspecified):
		return fmt.Errorf("%s.certificate is missing: it must name the certificate that %[1]s.key belongs to", path)
	}
	// The error names the reader of a file even where opening it failed.
	return fmt.Errorf("%s can't be used: %s", path, strings.ReplaceAll(err.Error(), " reading <nil>", ""))
}
