// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"hash/fnv"
	"strconv"

	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// keyField is the name of an event's key below @metadata.
const keyField = "indicator_key"

// KeyFormat is the format string of an event's key, for outputs that can use one,
// such as output.kafka.key. The key is never empty, and it is the same for all
// events of one indicator: its threatq.id, and where that is missing indicator_id
// with threatq.indicator_id. What can't be read has the hash of its text.
const KeyFormat = "%{[@metadata." + keyField + "]}"

// keyOf returns the metadata of the events of an indicator.
func keyOf(i registry.Indicator) mapstr.M {
	if i.ID != registry.Missing {
		return mapstr.M{keyField: strconv.FormatInt(i.ID, 10)}
	}
	return mapstr.M{keyField: "indicator_id:" + strconv.FormatInt(i.IndicatorID, 10)}
}

// unreadableKey returns the metadata of the event of an indicator that can't be
// read.
func unreadableKey(raw []byte) mapstr.M {
	hash := fnv.New64a()
	_, _ = hash.Write(raw) // never fails
	return mapstr.M{keyField: "unreadable:" + strconv.FormatUint(hash.Sum64(), 16)}
}
