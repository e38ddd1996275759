// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// checkTLS refuses the TLS settings below path that can't be used. It reads the files
// that they name.
func checkTLS(path string, settings *tlscommon.Config) []error {
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
	_, err := tlscommon.LoadTLSConfig(settings, logp.NewNopLogger())
	if problem := explainTLS(path, err); problem != nil {
		p = append(p, problem)
	}
	return p
}

// explainTLS names the setting that an error of the TLS settings is about.
func explainTLS(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tlscommon.ErrKeyUnspecified):
		return fmt.Errorf("%s.key is missing: it must name the private key of %[1]s.certificate", path)
	case errors.Is(err, tlscommon.ErrCertificateUnspecified):
		return fmt.Errorf("%s.certificate is missing: it must name the certificate that %[1]s.key belongs to", path)
	}
	// The error names the reader of a file even where opening it failed.
	return fmt.Errorf("%s can't be used: %s", path, strings.ReplaceAll(err.Error(), " reading <nil>", ""))
}
