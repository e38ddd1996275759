// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// threatqFields is how many fields threatq.* has at most.
const threatqFields = 14

// threatq makes threatq.*: what ThreatQ says, in its own words. value and
// updatedAt are those of the indicator, or nil.
func (b *builder) threatq(timestamp time.Time, value, updatedAt any) mapstr.M {
	ind := &b.ind
	fields := make(mapstr.M, threatqFields)
	putIDs(fields, ind.Indicator)
	if value != nil {
		fields["indicator_value"] = value
	}
	if ind.Status != "" {
		fields["status"] = ind.Status
	}
	if updatedAt != nil {
		fields["updated_at"] = updatedAt
	}
	putDate(fields, "created_at", ind.CreatedAt)
	putDate(fields, "published_at", ind.PublishedAt)
	putDate(fields, "expires_at", ind.ExpiresAt)
	putDate(fields, "expired_at", ind.ExpiredAt)
	putDate(fields, "expires_calculated_at", ind.ExpiresCalculatedAt)
	if len(ind.Attributes) > 0 {
		fields["attributes"] = b.attributes()
	}
	if len(ind.Adversaries) > 0 {
		adversaries := newDistinct(len(ind.Adversaries))
		for _, name := range ind.Adversaries {
			adversaries.add(name)
		}
		fields["adversaries"] = adversaries.values
	}
	expiration := expire(b.mapper.policy, ind, timestamp)
	fields["ioc_expired_at"] = common.Time(expiration.At)
	fields["ioc_expiration_reason"] = expiration.Reason
	return fields
}

// putIDs sets the ids that an indicator has.
func putIDs(fields mapstr.M, i registry.Indicator) {
	if i.ID != registry.Missing {
		fields["id"] = i.ID
	}
	if i.IndicatorID != registry.Missing {
		fields["indicator_id"] = i.IndicatorID
	}
}

// attributes groups the attributes by name: each name has its distinct values
// in order.
func (b *builder) attributes() mapstr.M {
	list := b.ind.Attributes
	fields := make(mapstr.M, min(len(list), 14))
	// Nearly every name has one value: those share one allocation.
	single := make([]string, len(list))
	var seen map[indicatorAttribute]struct{}
	for i, attribute := range list {
		old, found := fields[attribute.Name]
		if !found {
			single[i] = attribute.Value
			fields[attribute.Name] = single[i : i+1 : i+1]
			if seen != nil {
				seen[attribute] = struct{}{}
			}
			continue
		}
		values, _ := old.([]string)
		if seen == nil && len(values) >= manyValues {
			seen = make(map[indicatorAttribute]struct{}, len(list))
			for _, earlier := range list[:i] {
				seen[earlier] = struct{}{}
			}
		}
		if seen == nil {
			found = slices.Contains(values, attribute.Value)
		} else {
			_, found = seen[attribute]
			seen[attribute] = struct{}{}
		}
		if !found {
			fields[attribute.Name] = append(values, attribute.Value)
		}
	}
	return fields
}

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
