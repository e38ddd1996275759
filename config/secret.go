// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// Redacted stands wherever a secret would otherwise be printed.
const Redacted = "xxxxx"

// Secret is a text that is never printed: every verb of fmt, JSON and YAML
// show a placeholder instead. Reveal gives the text itself.
//
// The text hides behind a pointer because fmt doesn't call methods on
// unexported fields: a Secret that is buried in somebody's private struct
// prints as an address then.
type Secret struct{ text *string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Unpack takes the text from a configuration.
func (s *Secret) Unpack(text string) error {
	*s = NewSecret(text)
	return nil
}

// String returns a placeholder, or "" when there is no text.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// GoString returns a placeholder.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format writes the placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') || verb == 'q' {
		fmt.Fprint(f, s.GoString())
		return
	}
	fmt.Fprint(f, s.String())
}

// MarshalText returns a placeholder, for encoding/json and the YAML libraries.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns a placeholder, for the YAML libraries that know no
// encoding.TextMarshaler.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// ProxyURL is the address of a proxy. It may carry a user and a password, and
// is printed without them.
type ProxyURL struct{ secret Secret }

// NewProxyURL wraps an address such as http://user:password@proxy.example.com:3128.
// It is checked by Input.Validate.
func NewProxyURL(address string) ProxyURL { return ProxyURL{NewSecret(address)} }

// Unpack takes the address from a configuration.
func (p *ProxyURL) Unpack(address string) error {
	*p = NewProxyURL(address)
	return nil
}

// IsZero reports whether no proxy is set.
func (p ProxyURL) IsZero() bool { return p.secret.IsZero() }

// URL returns the address; its error never repeats it.
func (p ProxyURL) URL() (*url.URL, error) {
	u, err := url.Parse(p.secret.Reveal())
	if err != nil {
		return nil, parseReason(err)
	}
	return u, nil
}

// String returns the address without user and password.
func (p ProxyURL) String() string {
	if p.IsZero() {
		return ""
	}
	u, err := p.URL()
	if err != nil || u.Host == "" {
		return Redacted
	}
	return u.Scheme + "://" + u.Host
}

// GoString returns the address without user and password.
func (p ProxyURL) GoString() string { return fmt.Sprintf("%q", p.String()) }

// Format writes the address without user and password, whatever the verb.
func (p ProxyURL) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') || verb == 'q' {
		fmt.Fprint(f, p.GoString())
		return
	}
	fmt.Fprint(f, p.String())
}

// MarshalText returns the address without user and password.
func (p ProxyURL) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalYAML returns the address without user and password.
func (p ProxyURL) MarshalYAML() (any, error) { return p.String(), nil }

// SSL holds the settings ssl.*, a passphrase among them, and prints nothing of
// them.
type SSL struct{ settings **tlscommon.Config }

// NewSSL wraps settings, which may be nil.
func NewSSL(settings *tlscommon.Config) SSL { return SSL{settings: &settings} }

// Unpack takes the settings from a configuration.
func (s *SSL) Unpack(cfg *config.C) error {
	var settings tlscommon.Config
	if err := cfg.Unpack(&settings); err != nil {
		return err
	}
	*s = NewSSL(&settings)
	return nil
}

// Settings returns the settings; nil means the defaults.
func (s SSL) Settings() *tlscommon.Config {
	if s.settings == nil || !(*s.settings).IsEnabled() {
		return nil
	}
	return *s.settings
}

// String returns a placeholder, or "" when nothing is set.
func (s SSL) String() string {
	if s.settings == nil {
		return ""
	}
	return Redacted
}

// Format writes the placeholder, whatever the verb.
func (s SSL) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText returns a placeholder.
func (s SSL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns a placeholder.
func (s SSL) MarshalYAML() (any, error) { return s.String(), nil }
