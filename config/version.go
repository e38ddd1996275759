// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

const (
	// Name is the Beat's name and the key of its section of the configuration.
	Name = "threatqbeat"

	// Version is the version of threatqbeat, which is not that of the Libbeat
	// it stands on.
	Version = "0.1.0"
)
