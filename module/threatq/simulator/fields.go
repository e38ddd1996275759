// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "strings"

// keys is a set of the top-level keys of an indicator.
type keys uint32

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

// parseFields reads the fields parameter: a list of keys, an asterisk for the default ones. Keys that the appliance
// doesn't know are ignored. No list at all is the same as an asterisk.
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
