// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// An event counts with all copies of a long value and with what its JSON is longer.
func TestSizeOfAnEvent(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	indicator := func(kind, value string) string {
		return fmt.Sprintf(`{"id":1,"updated_at":"2026-01-01 00:00:00","type":{"name":%q},"value":"%s"}`, kind, value)
	}
	for name, raw := range map[string]string{
		"address":    indicator("URL", "https://www.example.com/"+long),
		"quotes":     indicator("String", strings.Repeat(`\"`, 50<<10)),
		"controls":   indicator("String", strings.Repeat(`\u0001`, 50<<10)),
		"unreadable": indicator("String", strings.Repeat("\x01", 1<<20)),
		"attributes": fmt.Sprintf(`{"id":1,"attributes":[{"name":"a","value":"%s"},{"name":"b","value":"%s"}]}`, long, long+"y"),
		"too much":   indicator("String", strings.Repeat("x", 10<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			event, _ := NewMapper(MapperConfig{ExpirationDuration: time.Hour}).Event([]byte(raw), time.Now())
			encoded, err := json.Marshal(event.Fields)
			assert.NoError(t, err)
			size := sizeOf(event.Fields, len(raw))
			assert.Greater(t, size, len(encoded))
			assert.Less(t, size, 2*len(encoded)+smallRaw)
		})
	}
	small := []byte(indicator("URL", "https://www.example.com/"))
	event, _ := NewMapper(MapperConfig{}).Event(small, time.Now())
	assert.Equal(t, len(small), sizeOf(event.Fields, len(small)), "not measured")
}
