// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed samples.json
var samplesJSON []byte

// samples are what indicators are made of. Its types are all that the mapping knows. The weights of those that were here
// first add up to one hundred. Append a new type at the end: it takes its places from the most frequent types, and every
// other indicator stays as it is.
var samples = readSamples()

type sampleContent struct {
	Types      []indicatorType
	Statuses   []indicatorStatus
	Attributes []struct {
		Name   string
		Values []string
	}
	Sources, TLPs, Adversaries, Tags, Descriptions []string
}

// indicatorType is one of the appliance's indicator types.
type indicatorType struct {
	ID          int
	Name, Class string
	Weight      int    // how many of a hundred consecutive indicators have this type
	Value       string // names what its values are made by
	Misfit      string // a value that the ECS field of the type can't hold, empty when there is none
	value       valueFunc
}

// indicatorStatus is one of the appliance's statuses.
type indicatorStatus struct {
	ID                int
	Name, Description string
	Weight            int // of a hundred
}

func readSamples() (s sampleContent) {
	if err := json.Unmarshal(samplesJSON, &s); err != nil {
		panic(fmt.Sprintf("samples.json: %s", err)) // it is part of the binary
	}
	for i := range s.Types {
		s.Types[i].value = values[s.Types[i].Value]
	}
	return s
}

// noStatus is that of an indicator whose status is null.
var noStatus = &indicatorStatus{}

// customType stands for the types that an administrator adds to an appliance.
var customType = indicatorType{ID: 1001, Name: "Custom Artefact", Class: "host", value: values["string"]}

// schedule deals the types out by weight: an indicator's place in it is typeStep times its index, so that every run of a
// hundred indicators holds every type.
type schedule [100]*indicatorType

var typeSchedule = newSchedule(samples.Types)

func newSchedule(types []indicatorType) *schedule {
	var s schedule
	taken := 0
	for i := range types {
		for range types[i].Weight {
			place := taken
			if taken == len(s) {
				place = s.mostFrequent()
			} else {
				taken++
			}
			s[place] = &types[i]
		}
	}
	return &s
}

// mostFrequent returns the last place of the type that has most.
func (s *schedule) mostFrequent() (place int) {
	counts, most := make(map[*indicatorType]int), 0
	for p, t := range s {
		if counts[t]++; counts[t] > most {
			place, most = p, counts[t]
		}
	}
	return place
}

const typeStep = 37 // coprime to the length of the schedule

func typeByName(name string) *indicatorType {
	if i := slices.Index(Types(), name); i >= 0 {
		return &samples.Types[i]
	}
	if name == customType.Name {
		return &customType
	}
	return nil
}

// Types returns the names of all indicator types that the simulator serves in tidy indicators.
func Types() (names []string) {
	for _, t := range samples.Types {
		names = append(names, t.Name)
	}
	return names
}

func statusByName(name string) *indicatorStatus {
	if i := slices.Index(Statuses(), name); i >= 0 {
		return &samples.Statuses[i]
	}
	return nil
}

// Statuses returns the names of all statuses that the simulator serves.
func Statuses() (names []string) {
	for _, s := range samples.Statuses {
		names = append(names, s.Name)
	}
	return names
}
