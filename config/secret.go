// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"sync"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// Redacted stands wherever a secret would otherwise be printed.
const Redacted = "xxxxx"

// hidden prints a text in place of a value: every verb of fmt, JSON and YAML show
// that text.
//
// It and the value are behind pointers because fmt doesn't call methods on
// unexported fields: a value that is buried in a private struct prints as an
// address then.
type hidden struct{ shown *string }

// String returns what is shown, "" when nothing is set.
func (h hidden) String() string {
	if h.shown == nil {
		return ""
	}
	return *h.shown
}

// Format writes what is shown, whatever the verb.
func (h hidden) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') || verb == 'q' {
		fmt.Fprintf(f, "%q", h.String())
		return
	}
	fmt.Fprint(f, h.String())
}

// MarshalText returns what is shown, for encoding/json and the YAML libraries.
func (h hidden) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Secret is a text that is never printed, but a placeholder. Reveal gives the text
// itself.
type Secret struct {
	hidden
	text *string
}

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{hidden{new(Redacted)}, &text}
}

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == nil }

// Unpack takes the text from a configuration.
func (s *Secret) Unpack(text string) error {
	*s = NewSecret(text)
	return nil
}

// ProxyURL is the address of a proxy. It may carry a user and a password, and
// is printed without them.
type ProxyURL struct{ Secret }

// NewProxyURL wraps an address such as http://user:password@proxy.example.com:3128,
// which ReadInput checks.
func NewProxyURL(address string) ProxyURL {
	p := ProxyURL{NewSecret(address)}
	if u, err := p.URL(); err == nil && u.Host != "" {
		p.hidden = hidden{new(u.Scheme + "://" + u.Host)}
	}
	return p
}

// Unpack takes the address from a configuration.
func (p *ProxyURL) Unpack(address string) error {
	*p = NewProxyURL(address)
	return nil
}

// URL returns the address; its error never repeats it.
func (p ProxyURL) URL() (*url.URL, error) {
	u, err := url.Parse(p.Reveal())
	if err != nil {
		return nil, parseReason(err)
	}
	return u, nil
}

// SSL holds the settings ssl.*, a passphrase among them, and prints nothing of
// them.
type SSL struct {
	hidden
	settings **tlscommon.Config // fmt prints what a single pointer to a struct points to
	load     func() (*tlscommon.TLSConfig, error)
}

// NewSSL wraps settings, which may be nil.
func NewSSL(settings *tlscommon.Config) SSL {
	s := SSL{hidden: hidden{new(Redacted)}, settings: &settings}
	s.load = sync.OnceValues(func() (*tlscommon.TLSConfig, error) { return loadTLS(s.Settings()) })
	return s
}

// Load returns what a client needs of the settings. It reads the files that they name
// when it is called first.
func (s SSL) Load() (*tlscommon.TLSConfig, error) {
	if s.load == nil {
		return loadTLS(nil)
	}
	return s.load()
}

// loadTLS reads the files. tlscommon would warn of verification_mode none here and on
// each handshake; client.New says it once.
func loadTLS(settings *tlscommon.Config) (*tlscommon.TLSConfig, error) {
	return tlscommon.LoadTLSConfig(settings, logp.NewNopLogger())
}

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
