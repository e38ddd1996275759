// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
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

var lifetimePattern = regexp.MustCompile(`^[0-9]+[dhm]$`)

// ParseLifetime reads a duration in whole days, hours or minutes, such as
// "90d", "12h" or "30m". It is more than zero and at most 36500d.
func ParseLifetime(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if !lifetimePattern.MatchString(text) {
		return 0, fmt.Errorf("%q is not a lifetime: give a whole number of days, hours or minutes, such as 90d, 12h or 30m", Shorten(text))
	}
	unit := map[byte]time.Duration{'d': day, 'h': time.Hour, 'm': time.Minute}[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil || n < 1 || n > int64(maxLifetimeDays*day/unit) {
		return 0, fmt.Errorf("%q is not a lifetime: it must be above zero and at most %dd, such as 90d, 12h or 30m", Shorten(text), maxLifetimeDays)
	}
	return time.Duration(n) * unit, nil
}
