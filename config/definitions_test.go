// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

func readWith(t *testing.T, settings map[string]any) (*Input, error) {
	t.Helper()
	raw := config.MustNewConfigFrom(plainInput)
	require.NoError(t, raw.Merge(settings))
	return ReadInput(raw, nil)
}

// What the definitions say of a setting holds: its default changes nothing, its bounds
// and values are accepted, and what lies beyond is refused by name.
func TestInputDefinitions(t *testing.T) {
	unset, err := readWith(t, nil)
	require.NoError(t, err)
	for _, option := range InputSettings().All() {
		t.Run(option.Name, func(t *testing.T) {
			if option.Default != nil {
				set, err := readWith(t, map[string]any{option.Name: option.Default})
				require.NoError(t, err)
				if strings.HasPrefix(option.Name, "request.ssl.") {
					// The section is read into a struct only once it is there.
					require.Equal(t, effectiveTLS(t, &tlscommon.Config{}), effectiveTLS(t, set.Request.SSL.Settings()))
				} else {
					set.raw = unset.raw
					require.Equal(t, unset, set)
				}
			}
			for bound, step := range map[string]int{option.Min: -1, option.Max: +1} {
				if bound != "" {
					checkBound(t, option, bound, step)
				}
			}
			for _, value := range option.Values {
				_, err := readWith(t, map[string]any{option.Name: value})
				require.NoError(t, err)
			}
			if len(option.Values) > 0 {
				_, err := readWith(t, map[string]any{option.Name: "something else"})
				require.ErrorContains(t, err, option.Name)
			}
			if option.Required {
				_, err := readWith(t, map[string]any{option.Name: ""})
				require.ErrorContains(t, err, option.Name+" is missing")
			}
		})
	}
}

func checkBound(t *testing.T, option Option, bound string, step int) {
	t.Helper()
	within := map[string]any{option.Name: bound}
	switch option.Name {
	case "request.retry.wait_min":
		within["request.retry.wait_max"] = "1h"
	case "request.retry.wait_max":
		within["request.retry.wait_min"] = "1ns"
	}
	_, err := readWith(t, within)
	require.NoError(t, err)
	_, err = readWith(t, map[string]any{option.Name: next(t, option, bound, step)})
	require.ErrorContains(t, err, option.Name)
}

// next returns the value after bound in the direction of step.
func next(t *testing.T, option Option, bound string, step int) any {
	t.Helper()
	switch option.Type {
	case TypeInt:
		number, err := strconv.Atoi(bound)
		require.NoError(t, err)
		return number + step
	case TypeFloat:
		number, err := strconv.ParseFloat(bound, 64)
		require.NoError(t, err)
		return number + 0.001*float64(step)
	case TypeDuration:
		duration, err := time.ParseDuration(bound)
		require.NoError(t, err)
		return (duration + time.Duration(step)).String()
	case TypeBytes:
		bytes, err := humanize.ParseBytes(bound)
		require.NoError(t, err)
		return int64(bytes) + int64(step)
	case TypeLifetime:
		number, err := strconv.Atoi(bound[:len(bound)-1])
		require.NoError(t, err)
		return fmt.Sprint(number+step, bound[len(bound)-1:])
	}
	require.FailNow(t, "a range needs a type with an order", "%s is a %s", option.Name, option.Type)
	return nil
}

// effectiveTLS returns what the TLS settings come to when a client uses them.
func effectiveTLS(t *testing.T, cfg *tlscommon.Config) map[string]any {
	t.Helper()
	settings, err := tlscommon.LoadTLSConfig(cfg, logp.NewNopLogger())
	require.NoError(t, err)
	used := settings.BuildModuleClientConfig("threatq.example.com")
	return map[string]any{
		"min version":   used.MinVersion,
		"max version":   used.MaxVersion,
		"renegotiation": used.Renegotiation,
		"verification":  settings.Verification,
		"authorities":   used.RootCAs,
		"certificates":  len(used.Certificates),
		"cipher suites": len(used.CipherSuites),
		"curves":        len(used.CurvePreferences),
		"pins":          settings.CASha256,
	}
}

// A text whose definition says nothing of it counts as a secret; what anybody may see
// is said to be harmless.
func TestWhatIsNotHarmlessIsASecret(t *testing.T) {
	assert.True(t, Option{Type: TypeString}.Secret())
	assert.False(t, Option{Type: TypeString, Harmless: true}.Secret())
	var secret []string
	for _, option := range InputSettings().All() {
		if option.Secret() {
			secret = append(secret, option.Name)
		}
	}
	assert.Equal(t, []string{"auth.oauth2.client.secret", "request.proxy_url", "request.proxy_headers",
		"request.ssl.key", "request.ssl.key_passphrase", "processors"}, secret)
}
