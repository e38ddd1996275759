// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestAttributeName(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"Country", "country"},
		{"Malware Family", "malware_family"},
		{"First  Reported / By", "first_reported_by"},
		{"a.b", "a_b"},
		{"a._.b", "a___b"},
		{"kebab-Case_and-more", "kebab-case_and-more"},
		{" lead and trail ", "_lead_and_trail_"},
		{"", "_"},
		{".", "_"},
		{"...", "_"},
		{"Größe (cm)", "größe_cm_"},
		{"ΌΝΟΜΑ", "όνομα"},
		{"名前", "名前"},
		{"\xff\xfe", "_"},
		{"a\x00b", "a_b"},
		{"a😀b", "a_b"},
		{strings.Repeat("x", maxNameBytes+1), strings.Repeat("x", maxNameBytes)},
		{strings.Repeat("x", maxNameBytes-1) + "é", strings.Repeat("x", maxNameBytes-1)},
		{strings.Repeat("x", maxNameBytes-1) + ".y", strings.Repeat("x", maxNameBytes-1)},
		{strings.Repeat("x", maxNameBytes) + ".", strings.Repeat("x", maxNameBytes)},
	} {
		got, cut := attributeName([]byte(tc.name))
		assert.Equal(t, tc.want, got, "%q", tc.name)
		assert.Equal(t, len(tc.name) > maxNameBytes, cut, "%q", tc.name)
		assert.LessOrEqual(t, len(got), maxNameBytes)
	}
}

func TestParseID(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"336", 336, true},
		{"-5", -5, true},
		{"+5", 5, true},
		{"007", 7, true},
		{"336.0", 336, true},
		{"3.36e2", 336, true},
		{"999999999999999999", 999999999999999999, true},
		{"9223372036854775807", 9223372036854775807, true},
		{"-9223372036854775808", -9223372036854775808, true},
		{"9007199254740992.0", 9007199254740992, true},
		{"9223372036854775808", 0, false},
		{"9223372036854775807.0", 0, false},
		{"1e400", 0, false},
		{"1e19", 0, false},
		{"336.5", 0, false},
		{"", 0, false},
		{"0x10", 0, false},
		{"1_000", 0, false},
		{"NaN", 0, false},
		{"Inf", 0, false},
		{"12a", 0, false},
		{strings.Repeat("1", 100), 0, false},
	} {
		got, ok := parseID([]byte(tc.text))
		assert.Equal(t, tc.ok, ok, tc.text)
		assert.Equal(t, tc.want, got, tc.text)
	}
}

func TestCutText(t *testing.T) {
	for _, tc := range []struct {
		text string
		max  int
		want string
	}{
		{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"é", 1, ""}, {"aé", 2, "a"}, {"a☃", 3, "a"}, {"☃☃", 5, "☃"}, {"", 0, ""}, {"😀", 0, ""},
	} {
		got := cutText(tc.text, tc.max)
		assert.Equal(t, tc.want, got)
		assert.True(t, utf8.ValidString(got))
	}
}

func TestDistinct(t *testing.T) {
	var values, want []string
	list := newDistinct(2)
	for i := range 5 * manyValues {
		value := strings.Repeat("x", i)
		want = append(want, value)
		values = append(values, value, value, strings.Repeat("x", i/2))
	}
	for _, value := range values {
		list.add(value)
	}
	assert.Equal(t, want, list.values)
	empty := newDistinct(0)
	assert.Empty(t, empty.values)
}
