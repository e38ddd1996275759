// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
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
	expiration := expire(&b.mapper.cfg, ind, timestamp)
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

// indicator makes threat.indicator.* and, where the indicator names something
// that events can be related by, related.*. value and updatedAt are those of
// the indicator, or nil.
func (b *builder) indicator(value, updatedAt any) (indicator, related mapstr.M) {
	ind := &b.ind
	sources := summarize(ind)
	// Up to eight fields, which is what an indicator has as a rule, a map costs
	// half as much.
	size := 8
	if ind.Description != "" || sources.tlp != "" {
		size = 14
	}
	fields := make(mapstr.M, size)
	if value != nil {
		fields["name"] = value
	}
	if ind.Description != "" {
		fields["description"] = ind.Description
	}
	fields["confidence"] = confidence(ind)
	if updatedAt != nil {
		fields["modified_at"] = updatedAt
	}
	if len(sources.providers) > 0 {
		fields["provider"] = sources.providers
	}
	if sources.tlp != "" {
		fields["marking"] = mapstr.M{"tlp": sources.tlp}
	}
	putDate(fields, "first_seen", firstDate(sources.firstSeen, ind.PublishedAt))
	putDate(fields, "last_seen", firstDate(sources.lastSeen, ind.TouchedAt))

	o := observable{ind: ind, fields: fields, name: value, value: strings.TrimSpace(ind.Value)}
	o.describe()
	return fields, o.related
}

// confidence puts ThreatQ's score into the words of ECS.
func confidence(ind *indicator) string {
	switch {
	case !ind.HasScore:
		return "Not Specified"
	case ind.Score < 5:
		return "Low"
	case ind.Score < 8:
		return "Medium"
	default:
		return "High"
	}
}

// sourceSummary is what follows from the sources of an indicator together.
type sourceSummary struct {
	providers []string
	// tlp is the strictest marking, empty where there is none.
	tlp string
	// firstSeen and lastSeen are the zero time where no source has such a date.
	firstSeen, lastSeen time.Time
}

func summarize(ind *indicator) sourceSummary {
	var sum sourceSummary
	strictest := 0
	providers := newDistinct(len(ind.Sources))
	for i := range ind.Sources {
		source := &ind.Sources[i]
		if source.Name != "" {
			providers.add(source.Name)
		}
		if at := source.PublishedAt; !at.IsZero() && (sum.firstSeen.IsZero() || at.Before(sum.firstSeen)) {
			sum.firstSeen = at
		}
		if at := source.UpdatedAt; at.After(sum.lastSeen) {
			sum.lastSeen = at
		}
		if source.TLP == "" {
			continue
		}
		tlp, strictness := parseTLP(source.TLP)
		if strictness == 0 {
			ind.problem(fmt.Sprintf("a marking was left out: %s is not in the traffic light protocol", quote(source.TLP)))
		}
		if strictness > strictest {
			sum.tlp, strictest = tlp, strictness
		}
	}
	sum.providers = providers.values
	return sum
}

// parseTLP returns a marking as ECS writes it and how strict it is, more than
// 0, or 0 where the name is not in the traffic light protocol.
func parseTLP(name string) (tlp string, strictness int) {
	if len(name) > maxQuoted {
		return "", 0
	}
	name = strings.ToUpper(strings.TrimSpace(name))
	name = strings.TrimSpace(strings.TrimPrefix(name, "TLP:"))
	switch name {
	case "RED":
		return "RED", 5
	case "AMBER+STRICT", "AMBER-STRICT", "AMBER_STRICT", "AMBER STRICT":
		return "AMBER+STRICT", 4
	case "AMBER":
		return "AMBER", 3
	case "GREEN":
		return "GREEN", 2
	case "CLEAR":
		return "CLEAR", 1
	case "WHITE":
		return "WHITE", 1
	}
	return "", 0
}
