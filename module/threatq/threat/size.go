// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import "github.com/elastic/elastic-agent-libs/mapstr"

// smallRaw is the size of an indicator up to which its event is not measured: there
// the queue's number of events is what bounds memory.
const smallRaw = 4 << 10

// sizeOf returns about how many bytes the event of an indicator takes, with what an
// output makes of it. raw is the size of its JSON.
func sizeOf(fields mapstr.M, raw int) int {
	if raw <= smallRaw {
		return raw
	}
	return weigh(fields)
}

func weigh(value any) (bytes int) {
	switch v := value.(type) {
	case string:
		return len(v) + encodedLen(v)
	case []string:
		for _, s := range v {
			bytes += weigh(s)
		}
	case []any:
		for _, element := range v {
			bytes += weigh(element)
		}
	case mapstr.M:
		for key, element := range v {
			bytes += 2*len(key) + weigh(element)
		}
	case object:
		for _, m := range v {
			bytes += 2*len(m.name) + weigh(m.value)
		}
	}
	return bytes
}

// encodedLen returns how many bytes a text has in JSON.
func encodedLen(text string) int {
	length := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ':
			length += len(`\u0000`) - 1
		case c == '"' || c == '\\':
			length++
		}
	}
	return length
}
