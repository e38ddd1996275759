// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour

	// maxLifetimeDays is the longest duration that ParseLifetime accepts: a
	// hundred years. It keeps every date that is computed from it in range.
	maxLifetimeDays = 36500
)

// Lifetime is a positive duration in d, h or m, as ParseLifetime reads it.
type Lifetime time.Duration

// Unpack takes the duration from a configuration.
func (l *Lifetime) Unpack(text string) error {
	parsed, err := ParseLifetime(text)
	if err != nil {
		return err
	}
	*l = Lifetime(parsed)
	return nil
}

// ParseLifetime reads a duration in whole days, hours or minutes, such as
// "90d", "12h" or "30m". It is more than zero and at most 36500d. The error
// quotes the text and says what would be right.
func ParseLifetime(text string) (time.Duration, error) {
	wrong := func(why string) (time.Duration, error) {
		return 0, fmt.Errorf("invalid duration %s: %s; give a whole number of days, hours or minutes above zero, such as 90d, 12h or 30m",
			strconv.Quote(Shorten(strings.ToValidUTF8(text, "\uFFFD"))), why)
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
	case n > int64(maxLifetimeDays*day/unit):
		return wrong(fmt.Sprintf("it is longer than %dd", maxLifetimeDays))
	}
	return time.Duration(n) * unit, nil
}
