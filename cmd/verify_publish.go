// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/beater"
)

// publishAside publishes through a beat of its own with the configuration of this
// one, its keystore included, and returns when the output has acknowledged all. It
// has a data directory of its own, because a beat that runs has locked the other.
func publishAside(l *loaded, settings instance.Settings, install func(beat.Creator) beat.Creator, inputs []*conf.C,
	work func(context.Context, func(int, beat.Event)) error,
) error {
	data, err := os.MkdirTemp("", "threatqbeat-verify-")
	if err != nil {
		return fmt.Errorf("creating a data directory for publishing: %w", err)
	}
	defer os.RemoveAll(data)
	if err := setFlags([][2]string{
		{"E", "keystore.path=" + l.keystorePath(settings.Name)},
		{"path.data", data},
		{"path.logs", filepath.Join(data, "logs")},
		{"E", "http.enabled=false"},
		{"E", "monitoring.enabled=false"},
		{"E", "logging.to_files=false"},
		{"E", "logging.to_stderr=true"},
		{"E", "logging.level=warning"},
		{"E", "logging.metrics.enabled=false"},
	}...); err != nil {
		return err
	}
	if err := instance.Run(settings, install(beater.NewPublisher(inputs, work))); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	return nil
}

// keystorePath returns where the keystore of the beat is.
func (l *loaded) keystorePath(name string) string {
	if path, err := l.all.String("keystore.path", -1); err == nil && path != "" {
		return path
	}
	return l.paths.Resolve(paths.Data, name+".keystore")
}
