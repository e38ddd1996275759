// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// threatqFields is how many fields threatq.* has at most.
const threatqFields = 14

// threatq makes threatq.*: what ThreatQ says, in its own words. value and
// updatedAt are those of the indicator, or nil.
func (b *builder) threatq(timestamp time.Time, value, updatedAt any) mapstr.M {
	ind := &b.ind
	fields := make(mapstr.M, threatqFields)
	if ind.HasID {
		fields["id"] = ind.ID
	}
	if ind.HasIndicatorID {
		fields["indicator_id"] = ind.IndicatorID
	}
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
		fields["adversaries"] = distinct(ind.Adversaries)
	}
	expiration := Expire(b.mapper.policy, timestamp, ind.UpdatedAt, ind.ExpiresAt, ind.ExpiredAt, ind.Status)
	fields["ioc_expired_at"] = common.Time(expiration.At)
	fields["ioc_expiration_reason"] = expiration.Reason
	return fields
}

// manyValues is from how many values of one attribute on a set finds doubles
// sooner than looking through the values does.
const manyValues = 16

// attributes groups the attributes by name: each name has its distinct values
// in order.
func (b *builder) attributes() mapstr.M {
	list := b.ind.Attributes
	fields := make(mapstr.M, min(len(list), threatqFields))
	// Nearly every name has one value: those share one allocation.
	single := make([]string, len(list))
	useSet := false
	for i, attribute := range list {
		old, found := fields[attribute.Name]
		if !found {
			single[i] = attribute.Value
			fields[attribute.Name] = single[i : i+1 : i+1]
			continue
		}
		values, _ := old.([]string)
		if !useSet && len(values) >= manyValues {
			useSet = true
			b.seen = make(map[Attribute]struct{}, len(list))
			for _, earlier := range list[:i] {
				b.seen[earlier] = struct{}{}
			}
		}
		if useSet {
			_, found = b.seen[attribute]
		} else {
			found = contains(values, attribute.Value)
		}
		if !found {
			fields[attribute.Name] = append(values, attribute.Value)
		}
		if useSet {
			b.seen[attribute] = struct{}{}
		}
	}
	b.seen = nil
	return fields
}

func contains(values []string, value string) bool {
	for _, v := range values {
		if v == value {
			return true
		}
	}
	return false
}

// distinct returns the distinct ones of values, in order, in a list of its own.
func distinct(values []string) []string {
	list := make([]string, 0, len(values))
	var seen map[string]struct{}
	if len(values) > manyValues {
		seen = make(map[string]struct{}, len(values))
	}
	for _, value := range values {
		if seen == nil {
			if !contains(list, value) {
				list = append(list, value)
			}
			continue
		}
		if _, found := seen[value]; !found {
			seen[value] = struct{}{}
			list = append(list, value)
		}
	}
	return list
}
