// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShare(t *testing.T) {
	tests := []struct {
		text string
		of   int
		want int
	}{
		{"20%", 1000, 200}, {"20%", 999, 199}, {"20%", 49, 10}, {"20%", 0, 10},
		{"0.5 %", 10_000, 50}, {"100%", 12, 12}, {"0%", 1000, 10},
		{"500", 1000, 500}, {" 500 ", 3, 500}, {"3", 1000, 10}, {"0", 1000, 10},
	}
	for _, tt := range tests {
		var s Share
		require.NoError(t, s.Unpack(tt.text), tt.text)
		assert.Equal(t, tt.want, s.Of(tt.of), "%s of %d", tt.text, tt.of)
	}
	for _, text := range []string{"", "%", "a fifth", "-1", "-1%", "101%", "20.5", "NaN%", "99999999999999999999"} {
		s := Share{number: 77}
		err := s.Unpack(text)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, "write 20% or 500")
		assert.Equal(t, Share{number: 77}, s)
	}
}
