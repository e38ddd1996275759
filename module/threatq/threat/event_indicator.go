// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

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
