// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

// indicatorType is one of the appliance's indicator types.
type indicatorType struct {
	id     int
	name   string
	class  string
	weight int // how many of a hundred consecutive indicators have this type
	value  valueFunc
	misfit string // a value that the ECS field of the type can't hold, empty when there is none
}

// indicatorTypes are all types that the mapping knows. The weights of those that were here first add up to one hundred.
// Append a new type at the end: it takes its places from the most frequent types, and every other indicator stays as it
// is.
var indicatorTypes = []indicatorType{
	{1, "ASN", "network", 1, valueASN, "AS99999999999"},
	{2, "Binary String", "host", 1, valueBinaryString, ""},
	{3, "CIDR Block", "network", 2, valueCIDR, ""},
	{4, "CVE", "host", 2, valueCVE, ""},
	{5, "Email Address", "network", 4, valueEmail, ""},
	{6, "Email Attachment", "network", 1, valueFilename, ""},
	{7, "Email Subject", "network", 1, valueSubject, ""},
	{8, "File Path", "host", 2, valueFilePath, ""},
	{9, "Filename", "host", 3, valueFilename, ""},
	{10, "FQDN", "network", 15, valueFQDN, ""},
	{11, "Fuzzy Hash", "host", 1, valueFuzzyHash, ""},
	{15, "IP Address", "network", 15, valueIP, "192.0.2.999"},
	{16, "IPv6 Address", "network", 3, ipv6, "2001:db8::zzzz"},
	{17, "MAC Address", "network", 1, valueMAC, ""},
	{18, "MD5", "host", 8, valueHash(32), ""},
	{19, "Mutex", "host", 1, valueMutex, ""},
	{20, "Password", "host", 1, valuePassword, ""},
	{21, "Registry Key", "host", 2, valueRegistry, ""},
	{22, "Service Name", "host", 1, valueService, ""},
	{23, "SHA-1", "host", 5, valueHash(40), ""},
	{24, "SHA-256", "host", 9, valueHash(64), ""},
	{25, "SHA-384", "host", 1, valueHash(96), ""},
	{26, "SHA-512", "host", 1, valueHash(128), ""},
	{27, "String", "host", 1, valueString, ""},
	{28, "URL", "network", 10, valueURL, "http://[2001:db8::1/%zz"},
	{29, "URL Path", "network", 2, valueURLPath, ""},
	{30, "User-agent", "network", 1, valueUserAgent, ""},
	{31, "Username", "host", 2, valueUsername, ""},
	{32, "X-Mailer", "network", 1, valueMailer, ""},
	{33, "x509 Serial", "network", 1, valueSerial, ""},
	{34, "x509 Subject", "network", 1, valueSubjectDN, ""},
}

// customType stands for the types that an administrator adds to an appliance.
var customType = indicatorType{id: 1001, name: "Custom Artefact", class: "host", value: valueString}

// schedule deals the types out by weight: an indicator's place in it is typeStep times its index, so that every run of a
// hundred indicators holds every type.
type schedule [100]*indicatorType

var typeSchedule = newSchedule(indicatorTypes)

func newSchedule(types []indicatorType) *schedule {
	var s schedule
	taken := 0
	for i := range types {
		for range types[i].weight {
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
	for i := range indicatorTypes {
		if indicatorTypes[i].name == name {
			return &indicatorTypes[i]
		}
	}
	if name == customType.name {
		return &customType
	}
	return nil
}

// Types returns the names of all indicator types that the simulator serves in tidy indicators.
func Types() []string {
	names := make([]string, len(indicatorTypes))
	for i := range indicatorTypes {
		names[i] = indicatorTypes[i].name
	}
	return names
}

// indicatorStatus is one of the appliance's statuses.
type indicatorStatus struct {
	id          int
	name        string
	description string
	weight      int // of a hundred
}

var indicatorStatuses = [...]indicatorStatus{
	{1, "Expired", "No longer poses a serious threat", 14},
	{2, "Active", "Poses a threat", 56},
	{3, "Indirect", "Associated to an active indicator or event", 10},
	{4, "Review", "Requires further analysis", 12},
	{5, "Whitelisted", "Poses no risk and should never be deployed", 8},
}

func statusByName(name string) *indicatorStatus {
	for i := range indicatorStatuses {
		if indicatorStatuses[i].name == name {
			return &indicatorStatuses[i]
		}
	}
	return nil
}

// Statuses returns the names of all statuses that the simulator serves.
func Statuses() []string {
	names := make([]string, len(indicatorStatuses))
	for i := range indicatorStatuses {
		names[i] = indicatorStatuses[i].name
	}
	return names
}
