// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "strings"

// keys is a set of the keys of an indicator, and of those members of its lists and objects that were asked for by name.
type keys uint64

const (
	keyAdversaries keys = 1 << iota
	keyAttributes
	keyClass
	keyCreatedAt
	keyDescription
	keyExpiredAt
	keyExpiresAt
	keyExpiresCalculatedAt
	keyHash
	keyID
	keyIndicatorID
	keyPublishedAt
	keyScore
	keySources
	keyStatus
	keyStatusID
	keyTags
	keyTouchedAt
	keyType
	keyTypeID
	keyUpdatedAt
	keyValue
	keyOther // keys that the documentation doesn't name

	allKeys = keyOther<<1 - 1
	// starKeys is what an asterisk stands for: the appliance leaves attributes and sources out unless asked.
	starKeys = allKeys &^ (keyAttributes | keySources)
)

var keyNames = map[string]keys{
	"adversaries":           keyAdversaries,
	"attributes":            keyAttributes,
	"class":                 keyClass,
	"created_at":            keyCreatedAt,
	"description":           keyDescription,
	"expired_at":            keyExpiredAt,
	"expires_at":            keyExpiresAt,
	"expires_calculated_at": keyExpiresCalculatedAt,
	"hash":                  keyHash,
	"id":                    keyID,
	"indicator_id":          keyIndicatorID,
	"published_at":          keyPublishedAt,
	"score":                 keyScore,
	"sources":               keySources,
	"status":                keyStatus,
	"status_id":             keyStatusID,
	"tags":                  keyTags,
	"touched_at":            keyTouchedAt,
	"type":                  keyType,
	"type_id":               keyTypeID,
	"updated_at":            keyUpdatedAt,
	"value":                 keyValue,
}

// nestedKey is the key of a member of a list or an object of an indicator.
type nestedKey struct{ parent, name string }

// memberKeys holds the members that can be asked for by name, parentKeys all those of a parent: when one of them is
// asked for, the others are left out.
var memberKeys, parentKeys = numberMembers()

func numberMembers() (members map[nestedKey]keys, parents map[string]keys) {
	members, parents = map[nestedKey]keys{}, map[string]keys{}
	bit := allKeys + 1
	for _, m := range []nestedKey{
		{"adversaries", "name"}, {"attributes", "attribute_id"}, {"attributes", "id"}, {"attributes", "name"}, {"attributes", "value"},
		{"attributes", "created_at"}, {"attributes", "updated_at"}, {"attributes", "touched_at"}, {"sources", "id"}, {"sources", "name"},
		{"sources", "tlp_name"}, {"sources", "published_at"}, {"sources", "updated_at"}, {"status", "name"}, {"tags", "name"}, {"type", "name"},
	} {
		members[m] = bit
		parents[m.parent] |= bit
		bit <<= 1
	}
	return members, parents
}

// parseFields reads the fields parameter: a list of keys, an asterisk for the default ones, and members of lists and
// objects such as attributes.name, which leave out the other members. What the appliance doesn't know is ignored. No
// list at all is the same as an asterisk.
func parseFields(param string) keys {
	if strings.TrimSpace(param) == "" {
		return starKeys
	}
	var set keys
	for name := range strings.SplitSeq(param, ",") {
		name = strings.TrimSpace(name)
		if name == "*" {
			set |= starKeys
			continue
		}
		if parent, of, nested := strings.Cut(name, "."); nested {
			if bit := memberKeys[nestedKey{parent, of}]; bit != 0 {
				set |= bit | keyNames[parent]
			}
			continue
		}
		set |= keyNames[name]
	}
	return set
}

// has reports whether the set holds the key of that name.
func (k keys) has(name string) bool {
	if bit, ok := keyNames[name]; ok {
		return k&bit != 0
	}
	return k&keyOther != 0
}
