// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/stretchr/testify/require"
)

// The registry's keys are read from a file that anybody may have changed.
func FuzzParseKey(f *testing.F) {
	f.Add("threatq-default", "https://threatq.example.com", "0123456789abcdef")
	f.Add("a::http://b c", "http://[2001:db8::1]:8080/x", "beef")
	f.Add("", "http", "")
	f.Add("::", "https://::", "::http")
	f.Fuzz(func(t *testing.T, id, url, collection string) {
		// As it is.
		if inputID, name, ok := parseKey(id); ok {
			require.Equal(t, id, keyPrefix+inputID+"::"+name)
		}
		if _, _, ok := parseKey(url); ok {
			require.True(t, strings.HasPrefix(url, keyPrefix))
		}
		// As it is saved.
		name := SourceName(url, collection)
		if !strings.HasPrefix(url, "http") || strings.Contains(name, "::http") {
			return
		}
		inputID, parsed, ok := parseKey(cursorKey(id, url, collection))
		require.True(t, ok)
		require.Equal(t, id, inputID)
		require.Equal(t, name, parsed)
	})
}

func TestCursorKey(t *testing.T) {
	for _, id := range []string{"threatq-default", "a::b", "with space"} {
		for _, url := range []string{"https://threatq.example.com", "https://[2001:db8::1]:8443"} {
			name := SourceName(url, "0123456789abcdef")
			gotID, gotName, ok := parseKey(keyPrefix + id + "::" + name)
			require.True(t, ok)
			assert.Equal(t, id, gotID)
			assert.Equal(t, name, gotName)
		}
	}
	_, _, ok := parseKey("filestream::x::y")
	assert.False(t, ok)
}
