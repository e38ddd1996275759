// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour

	// maxDurationDays is the longest duration that ParseDuration accepts: a
	// hundred years. It keeps every date that is computed from it in range.
	maxDurationDays = 36500
)

// ParseDuration reads a duration in whole days, hours or minutes, such as
// "90d", "12h" or "30m". It is more than zero and at most 36500d. The error
// quotes the text and says what would be right.
func ParseDuration(text string) (time.Duration, error) {
	wrong := func(why string) (time.Duration, error) {
		return 0, fmt.Errorf("invalid duration %s: %s; give a whole number of days, hours or minutes above zero, such as 90d, 12h or 30m",
			quoteText(strings.ToValidUTF8(text, "\uFFFD")), why)
	}
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return wrong("it is empty")
	}
	var unit time.Duration
	switch trimmed[len(trimmed)-1] {
	case 'd':
		unit = day
	case 'h':
		unit = time.Hour
	case 'm':
		unit = time.Minute
	default:
		return wrong("it does not end with the unit d, h or m")
	}
	digits := trimmed[:len(trimmed)-1]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return wrong("what stands before its unit is not a whole number without a sign")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		n = math.MaxInt64 // the digits are fine, so there are too many of them
	}
	switch {
	case n == 0:
		return wrong("it is zero")
	case n > int64(maxDurationDays*day/unit):
		return wrong(fmt.Sprintf("it is longer than %dd", maxDurationDays))
	}
	return time.Duration(n) * unit, nil
}
