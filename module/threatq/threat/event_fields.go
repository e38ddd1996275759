// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// threatq makes threatq.*: what ThreatQ says, in its own words. value and
// updatedAt are those of the indicator, or nil.
func (b *builder) threatq(timestamp date, value, updatedAt any) any {
	ind := b.ind
	start := b.begin()
	b.putIDs(ind.Indicator)
	if value != nil {
		b.put("indicator_value", value)
	}
	if ind.Status != "" {
		b.put("status", ind.Status)
	}
	if updatedAt != nil {
		b.put("updated_at", updatedAt)
	}
	b.putDate("created_at", ind.CreatedAt)
	b.putDate("published_at", ind.PublishedAt)
	b.putDate("expires_at", ind.ExpiresAt)
	b.putDate("expired_at", ind.ExpiredAt)
	b.putDate("expires_calculated_at", ind.ExpiresCalculatedAt)
	if len(ind.Attributes) > 0 {
		b.put("attributes", b.attributes())
	}
	if len(ind.Adversaries) > 0 {
		adversaries := newDistinct(len(ind.Adversaries))
		for _, name := range ind.Adversaries {
			adversaries.add(name)
		}
		b.put("adversaries", adversaries.values)
	}
	expiration := expire(&b.mapper.cfg, ind, timestamp)
	b.putDate("ioc_expired_at", expiration.At)
	b.put("ioc_expiration_reason", expiration.Reason)
	return b.end(start)
}

// putIDs sets the ids that an indicator has.
func (b *builder) putIDs(i registry.Indicator) {
	if i.ID != registry.Missing {
		b.put("id", i.ID)
	}
	if i.IndicatorID != registry.Missing {
		b.put("indicator_id", i.IndicatorID)
	}
}

// attributes groups the attributes by name: each name has its distinct values
// in order.
func (b *builder) attributes() any {
	list := b.ind.Attributes
	// Nearly every name has one value: those share one allocation.
	single := make([]string, len(list))
	start := b.begin()
	var places map[string]int                // of names on the stack, once there are many
	var seen map[indicatorAttribute]struct{} // likewise
	if len(list) > manyValues {
		places, seen = make(map[string]int, manyValues), make(map[indicatorAttribute]struct{}, len(list))
	}
	for i, attribute := range list {
		place, known := places[attribute.Name]
		if places == nil {
			place = slices.IndexFunc(b.stack[start:], func(m member) bool { return m.name == attribute.Name })
			known = place >= 0
		}
		if !known {
			single[i] = attribute.Value
			if places != nil {
				places[attribute.Name] = len(b.stack) - start
				seen[attribute] = struct{}{}
			}
			b.put(attribute.Name, single[i:i+1:i+1])
			continue
		}
		m := &b.stack[start+place]
		values, _ := m.value.([]string)
		_, found := seen[attribute]
		if seen == nil {
			found = slices.Contains(values, attribute.Value)
		}
		if !found {
			m.value = append(values, attribute.Value)
			if seen != nil {
				seen[attribute] = struct{}{}
			}
		}
	}
	return b.end(start)
}

// keyField is the name of an event's key below @metadata.
const keyField = "indicator_key"

// KeyFormat is the format string of an event's key, for outputs that can use one,
// such as output.kafka.key. The key is never empty, and it is the same for all
// events of one indicator: its threatq.id, and where that is missing indicator_id
// with threatq.indicator_id. What can't be read has the hash of its text.
const KeyFormat = "%{[@metadata." + keyField + "]}"

// keyOf returns the metadata of the events of an indicator, none where nobody can
// see them.
func (m *Mapper) keyOf(i registry.Indicator) mapstr.M {
	if m.direct {
		return nil
	}
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

// threat makes threat.* and, where the indicator names something that events can be
// related by, related.*. value and updatedAt are those of the indicator, or nil.
func (b *builder) threat(value, updatedAt any) (threat, related any) {
	ind := b.ind
	sources := summarize(ind)
	outer := b.begin()
	start := b.begin()
	if value != nil {
		b.put("name", value)
	}
	if ind.Description != "" {
		b.put("description", ind.Description)
	}
	b.put("confidence", confidence(ind))
	if updatedAt != nil {
		b.put("modified_at", updatedAt)
	}
	if len(sources.providers) > 0 {
		b.put("provider", sources.providers)
	}
	if sources.tlp != "" {
		b.put("marking", b.marking(sources.tlp))
	}
	b.putDate("first_seen", firstDate(sources.firstSeen, ind.PublishedAt))
	b.putDate("last_seen", firstDate(sources.lastSeen, ind.TouchedAt))

	o := observable{builder: b, name: value, value: strings.TrimSpace(ind.Value)}
	b.put("type", o.describe())
	b.put("indicator", b.end(start))
	if b.direct {
		b.put("feed", b.mapper.feed)
	}
	return b.end(outer), o.related
}

// marking makes threat.indicator.marking, once for each TLP where events are direct.
func (b *builder) marking(tlp string) any {
	if !b.direct {
		return b.nest("tlp", tlp)
	}
	marking, made := b.markings[tlp]
	if !made {
		if b.markings == nil {
			b.markings = map[string]any{}
		}
		marking = b.nest("tlp", tlp)
		b.markings[tlp] = marking
	}
	return marking
}

// confidence puts ThreatQ's score into the words of ECS.
func confidence(ind *indicator) any {
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
	tlp                 string
	firstSeen, lastSeen date
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
		if at := source.PublishedAt; at != 0 && (sum.firstSeen == 0 || at < sum.firstSeen) {
			sum.firstSeen = at
		}
		if at := source.UpdatedAt; at > sum.lastSeen {
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
