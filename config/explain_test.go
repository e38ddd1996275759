// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
)

type explained struct {
	Interval time.Duration `config:"interval"`
	PageSize int           `config:"page_size"`
	Auth     struct {
		OAuth2 struct {
			Client struct {
				Secret int `config:"secret"`
			} `config:"client"`
		} `config:"oauth2"`
	} `config:"auth"`
	DataStream struct {
		Namespace string `config:"namespace"`
	} `config:"data_stream"`
	SSL verified `config:"request.ssl"`
}

// verified unpacks its settings itself, as TLS settings do.
type verified struct{}

func (*verified) Unpack(cfg *config.C) error {
	var into struct {
		Mode time.Duration `config:"verification_mode"`
	}
	return cfg.Unpack(&into)
}

func (e *explained) Validate() error {
	if e.DataStream.Namespace == "wrong" {
		return errors.New("data_stream.namespace is wrong: it must be right")
	}
	return nil
}

func TestExplainInput(t *testing.T) {
	tests := map[string]struct{ settings, want string }{
		"duration":   {"interval: soon", `input "a": interval is "soon": it must be a duration such as 30s or 1m`},
		"number":     {"page_size: many", `input "a": page_size is "many": it must be a whole number (1 to 10000)`},
		"validation": {"data_stream.namespace: wrong", `input "a": data_stream.namespace is wrong: it must be right`},
		"variable":   {"interval: ${THREATQBEAT_NO_SUCH_VARIABLE}", `input "a": interval refers to a variable that is neither in the keystore nor in the environment`},
		"nested":     {"request.ssl.verification_mode: sloppy", `input "a": request.ssl.verification_mode is "sloppy": it must be one of full, strict, certificate, none`},
		"secret":     {"auth.oauth2.client.secret: hidden", `input "a": auth.oauth2.client.secret`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := config.MustNewConfigFrom("inputs:\n- id: a\n  type: threatq\n  " + tt.settings)
			var list struct {
				Inputs []*config.C `config:"inputs"`
			}
			require.NoError(t, file.Unpack(&list))
			var into explained
			err := list.Inputs[0].Unpack(&into)
			require.Error(t, err)
			text := ExplainInput(list.Inputs[0], err).Error()
			assert.Contains(t, text, tt.want)
			assert.NotContains(t, text, "accessing")
			assert.NotContains(t, text, "hidden")
		})
	}
	other := errors.New("something else")
	assert.Equal(t, other, ExplainInput(config.NewConfig(), other))
}
