// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"time"

	"github.com/threatqbeat/threatqbeat/config"
)

// State is what the registry keeps for one input and data collection: the
// cursor, and what a person wants to know of it. It is saved once the output
// has acknowledged everything up to the cursor.
type State struct {
	// Mark is the cursor mark that yields what comes next; empty at the start.
	Mark string `struct:"mark" json:"mark"`
	// Collected is the number of indicators collected since the start of the
	// data collection, each version of an indicator counted.
	Collected int64 `struct:"collected" json:"collected"`
	// Updated is when Mark was handed out by the appliance.
	Updated time.Time `struct:"updated" json:"updated,omitzero"`
	// URL and DataCollectionID say what the mark belongs to.
	URL              string `struct:"url" json:"url"`
	DataCollectionID string `struct:"data_collection_id" json:"data_collection_id"`
}

// startMark is the mark that yields a data collection from its start.
const startMark = "*"

func (s *State) Position() string {
	if s.Mark == "" {
		return startMark
	}
	return s.Mark
}

func (s *State) Restart() {
	s.Mark = ""
	s.Collected = 0
}

func (s *State) Advance(mark string, collected int, at time.Time) {
	s.Mark = mark
	s.Collected += int64(collected)
	s.Updated = at.UTC()
}

// sourceSeparator can't occur in a url's host or path unescaped, so that a
// source name has one reading.
const sourceSeparator = " "

// SourceName returns the name under which the cursor of a data collection of
// the appliance at url is saved.
func SourceName(url, dataCollectionID string) string {
	return url + sourceSeparator + dataCollectionID
}

// RegistryKeyPrefix is what the keys of all threatq cursors in the registry
// start with.
const RegistryKeyPrefix = config.InputType + "::"

// RegistryKey returns the registry's key of a cursor.
func RegistryKey(inputID, url, dataCollectionID string) string {
	return RegistryKeyPrefix + inputID + "::" + SourceName(url, dataCollectionID)
}

// ParseRegistryKey splits the registry's key of a cursor into the input's id and
// the source's name. ok is false when the key is not that of a threatq cursor.
func ParseRegistryKey(key string) (inputID, sourceName string, ok bool) {
	rest, ok := strings.CutPrefix(key, RegistryKeyPrefix)
	if !ok {
		return "", "", false
	}
	// The url holds a "://" and may hold a "::" (an IPv6 address), the id may
	// hold anything: the last "::http" starts the source's name.
	at := strings.LastIndex(rest, "::http")
	if at < 0 {
		return "", "", false
	}
	return rest[:at], rest[at+2:], true
}
