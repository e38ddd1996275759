// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
)

const (
	defaultInterval      = time.Minute
	minInterval          = time.Second
	defaultExpiration    = 90 * 24 * time.Hour
	defaultNamespace     = "default"
	maxNamespaceBytes    = 100
	forbiddenInNamespace = `\/*?"<>|,#:`
)

// Config is what a configuration may say of one input, common input settings
// (tags, processors, index, ...) aside.
type Config struct {
	// Client says how to reach the appliance and which data collection to
	// collect.
	Client client.Config `config:",inline"`

	// ID names the input and, with the url and the data collection, its cursor.
	ID string `config:"id"`

	// Interval is the time from the start of one cycle to the start of the
	// next, at least 1s.
	Interval time.Duration `config:"interval"`

	// ExpirationDuration is how long after its last update an indicator expires
	// that ThreatQ does not let expire itself.
	ExpirationDuration Duration `config:"ioc_expiration_duration"`

	// ExpiredStatuses are the names of the statuses that take an indicator out
	// of the active set.
	ExpiredStatuses []string `config:"expired_statuses"`

	// PreserveOriginalEvent keeps each indicator as received in event.original.
	PreserveOriginalEvent bool `config:"preserve_original_event"`

	// DataStream names the data stream that the events belong to.
	DataStream DataStream `config:"data_stream"`
}

// DataStream is the part of a data stream's name that can be chosen.
type DataStream struct {
	// Namespace is data_stream.namespace: lower case, 1 to 100 bytes.
	Namespace string `config:"namespace"`
}

// Duration is a positive duration in d, h or m, as ParseDuration reads it.
type Duration time.Duration

// Unpack implements the reading of a setting from its string.
func (d *Duration) Unpack(s string) error {
	parsed, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

// DefaultConfig returns the configuration of an input that says nothing.
func DefaultConfig() Config {
	return Config{
		Client:             client.DefaultConfig(),
		Interval:           defaultInterval,
		ExpirationDuration: Duration(defaultExpiration),
		ExpiredStatuses:    []string{DefaultExpiredStatus},
		DataStream:         DataStream{Namespace: defaultNamespace},
	}
}

// UnpackConfig reads an input's configuration over the defaults and validates
// it. The error names the input, each setting that is wrong and what would be
// right, and never a secret.
func UnpackConfig(raw *conf.C) (Config, error) {
	cfg := DefaultConfig()
	// The lists of a configuration replace the default, they don't extend it.
	if raw.HasField("expired_statuses") {
		cfg.ExpiredStatuses = nil
	}
	if err := raw.Unpack(&cfg); err != nil {
		return Config{}, fmt.Errorf("%s: %w", describeInput(raw), err)
	}
	// The cursor is saved under the address, of which a slash more is no other.
	cfg.Client.URL = cfg.Client.Address()
	return cfg, nil
}

func describeInput(raw *conf.C) string {
	id, err := raw.String("id", -1)
	if err != nil || id == "" {
		return "input " + config.InputType + " without an id"
	}
	return fmt.Sprintf("input %q", id)
}

// Validate refuses settings that could not work. The client's own settings are
// validated by client.Config.
func (c *Config) Validate() error {
	var errs []error
	if strings.TrimSpace(c.ID) == "" {
		errs = append(errs, errors.New("id is missing: give the input a name of its own, such as threatq-default; the cursor is saved under it"))
	}
	if c.Interval < minInterval {
		errs = append(errs, fmt.Errorf("interval is %s: it must be at least %s, such as 1m", c.Interval, minInterval))
	}
	for i, status := range c.ExpiredStatuses {
		if strings.TrimSpace(status) == "" {
			errs = append(errs, fmt.Errorf("expired_statuses.%d is empty: it must be the name of a ThreatQ status, such as Expired", i))
		}
	}
	errs = append(errs, validateNamespace(c.DataStream.Namespace))
	return config.Join(errs...)
}

func validateNamespace(namespace string) error {
	switch {
	case namespace == "":
		return errors.New("data_stream.namespace is empty: it must be a lower-case name such as default")
	case len(namespace) > maxNamespaceBytes:
		return fmt.Errorf("data_stream.namespace is %d bytes long: it must be at most %d", len(namespace), maxNamespaceBytes)
	case strings.ToLower(namespace) != namespace || strings.ContainsAny(namespace, forbiddenInNamespace) || strings.ContainsFunc(namespace, isBlank):
		return fmt.Errorf("data_stream.namespace is %q: it must be in lower case and free of %s, spaces and control characters, such as default", namespace, forbiddenInNamespace)
	}
	return nil
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func (c *Config) mapper() MapperConfig {
	return MapperConfig{
		ExpirationDuration: time.Duration(c.ExpirationDuration),
		ExpiredStatuses:    c.ExpiredStatuses,
		PreserveOriginal:   c.PreserveOriginalEvent,
		Namespace:          c.DataStream.Namespace,
	}
}
