// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// fileSettings are all settings of threatqbeat.yml above the inputs, Libbeat's
// included.
var fileSettings = sync.OnceValue(func() *Scope {
	own, libbeat := BeatSettings(), LibbeatSettings()
	return &Scope{
		Sections: slices.Concat(own.Sections, libbeat.Sections),
		Accepted: slices.Concat(own.Accepted, libbeat.Accepted),
		Refused:  own.Refused,
	}
})

// CheckFile refuses what a whole configuration says above the inputs and could not
// work: settings that neither threatqbeat nor Libbeat has, which Libbeat would
// ignore, and values that can't be read, are out of range or name TLS files that
// can't be used. The error names each setting and what would be right, on one line.
//
// A variable that is missing is left to whoever reads the value, such as [CheckOutput].
func CheckFile(root *config.C) error {
	problems := []error{CheckSettings(root)}
	for _, sections := range LibbeatSections() {
		for _, section := range sections {
			if section.Key == "" || !root.HasField(strings.Split(section.Key, ".")[0]) {
				continue
			}
			if below, err := root.Child(section.Key, -1); err == nil && below.Enabled() {
				problems = append(problems, checkConnection(section, below)...)
			}
		}
	}
	return Join(problems...)
}

// CheckSettings is CheckFile without the sections' addresses and TLS files.
func CheckSettings(root *config.C) error {
	c := newChecker(fileSettings(), "")
	c.walk(root, "")
	return Join(append(c.unknown, c.wrong...)...)
}

// CheckSections refuses values where a section belongs. It is for a file alone: a flag
// that sets something of the section would hide the value.
func CheckSections(file *config.C) error {
	c := newChecker(fileSettings(), "")
	c.walk(file, "")
	return Join(c.scalars...)
}

// CheckOutput refuses variables of the output that are missing. It is for the commands
// that use the output: the others may be called before its secrets are kept.
func CheckOutput(root *config.C) error {
	if !root.HasField("output") {
		return nil
	}
	outputs, err := root.Child("output", -1)
	if err != nil {
		return nil // CheckFile says so
	}
	c := newChecker(LibbeatSettings(), "")
	for _, name := range outputs.GetFields() {
		if output, err := outputs.Child(name, -1); err == nil && output.Enabled() {
			c.walk(output, "output."+name+".")
		}
	}
	return Join(c.unresolved...)
}

// checkConnection looks at the addresses and the TLS settings of a Libbeat section.
func checkConnection(section LibbeatSection, below *config.C) []error {
	var p problems
	hosts := struct {
		Hosts []string `config:"hosts"`
	}{}
	if err := below.Unpack(&hosts); err == nil {
		for i, host := range hosts.Hosts {
			if !validPort(portOf(host)) {
				p.add(fmt.Sprintf("%s.hosts.%d", section.Key, i), "has the port %s: it must be from 1 to 65535", portOf(host))
			}
		}
	}
	path := strings.TrimSuffix(section.SSL, ".")
	if path == "" || !below.HasField(path) {
		return p
	}
	ssl, err := below.Child(path, -1)
	if err != nil {
		return p // the checker says so
	}
	var settings tlscommon.Config
	if err := ssl.Unpack(&settings); err != nil {
		if !isMissing(err) {
			p = append(p, explain(ssl, err, section.Key+"."+section.SSL, LibbeatSettings()))
		}
		return p
	}
	load := func() (*tlscommon.TLSConfig, error) { return loadTLS(&settings) }
	return append(p, checkTLS(section.Key+"."+path, &settings, load)...)
}

// portOf returns the port of an address with or without a scheme, "" without one.
func portOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	address, _, _ = strings.Cut(address, "/")
	if _, port, err := net.SplitHostPort(address[strings.LastIndex(address, "@")+1:]); err == nil {
		return port
	}
	return ""
}

// Warnings returns what a configuration says that works and is probably a mistake.
func Warnings(root *config.C) []string {
	index, err := root.String("output.elasticsearch.index", -1)
	if err != nil || index == "" || strings.Contains(index, "logs-ti_threatq.threat-") || strings.Contains(index, "data_stream.namespace") {
		return nil
	}
	return []string{fmt.Sprintf("output.elasticsearch.index is %q, which leads the events away from the data stream logs-ti_threatq.threat-*: "+
		"dashboards and active indicators stay empty. Remove it; an input's data_stream.namespace chooses the data stream.", Shorten(index))}
}
