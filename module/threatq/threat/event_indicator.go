// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

// indicatorFields makes threat.indicator.* and, where the indicator names
// something that events can be related by, related.*. value and updatedAt are
// those of the indicator, or nil.
func (b *builder) indicatorFields(value, updatedAt any) (indicator, related mapstr.M) {
	ind := &b.ind
	fields := make(mapstr.M, 14)
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
	b.putSources(fields)

	o := observable{ind: ind, fields: fields, name: value, value: strings.TrimSpace(ind.Value)}
	o.describe()
	return fields, o.related
}

// confidence puts ThreatQ's score into the words of ECS.
func confidence(ind *Indicator) string {
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

// putSources sets what follows from the indicator's sources together.
func (b *builder) putSources(fields mapstr.M) {
	ind := &b.ind
	var firstSeen, lastSeen time.Time
	providers := make([]string, 0, len(ind.Sources))
	tlp, strictness := "", 0
	for i := range ind.Sources {
		source := &ind.Sources[i]
		if source.Name != "" {
			providers = append(providers, source.Name)
		}
		if at := source.PublishedAt; !at.IsZero() && (firstSeen.IsZero() || at.Before(firstSeen)) {
			firstSeen = at
		}
		if at := source.UpdatedAt; at.After(lastSeen) {
			lastSeen = at
		}
		if source.TLP == "" {
			continue
		}
		name, s := parseTLP(source.TLP)
		if s == 0 {
			ind.problem(fmt.Sprintf("a marking was left out: %s is none of the traffic light protocol", quoteText(source.TLP)))
		}
		if s > strictness {
			tlp, strictness = name, s
		}
	}
	if len(providers) > 0 {
		fields["provider"] = distinct(providers)
	}
	if strictness > 0 {
		fields["marking"] = mapstr.M{"tlp": tlp}
	}
	putDate(fields, "first_seen", firstDate(firstSeen, ind.PublishedAt))
	putDate(fields, "last_seen", firstDate(lastSeen, ind.TouchedAt))
}

// parseTLP returns a marking as ECS writes it and how strict it is, more than
// 0, or 0 where the name is none of the traffic light protocol.
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
