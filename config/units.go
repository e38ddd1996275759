// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// ByteSize is a number of bytes, read from texts such as 256MiB, 64 MB or 1048576.
type ByteSize int64

// Unpack takes the size from a configuration.
func (s *ByteSize) Unpack(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 || strings.HasPrefix(strings.TrimSpace(text), "-") {
		return fmt.Errorf("%q is not a size, write a number with a unit, such as 256MiB", text)
	}
	*s = ByteSize(n)
	return nil
}

// String returns the size with a unit.
func (s ByteSize) String() string {
	return strings.ReplaceAll(humanize.IBytes(uint64(s)), " ", "")
}

const day = 24 * time.Hour

// maxLifetimeDays is the longest duration that ParseLifetime accepts: a hundred
// years. It keeps every date that is computed from it in range.
const maxLifetimeDays = 36500

// Lifetime is a positive duration in d, h or m, as ParseLifetime reads it.
type Lifetime time.Duration

// Unpack takes the duration from a configuration.
func (l *Lifetime) Unpack(text string) error {
	parsed, err := ParseLifetime(text)
	*l = Lifetime(parsed)
	return err
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

// leastShare is what a Share allows for at least: of a few indicators, a share
// would be none.
const leastShare = 10

// Share is a part of a number: a share such as 20%, or a number of its own.
type Share struct {
	percent float64
	number  int
}

// Unpack takes the share from a configuration.
func (s *Share) Unpack(text string) error {
	trimmed := strings.TrimSpace(text)
	var parsed Share
	var err error
	if share, ok := strings.CutSuffix(trimmed, "%"); ok {
		parsed.percent, err = strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err == nil && !(parsed.percent >= 0 && parsed.percent <= 100) {
			err = strconv.ErrRange
		}
	} else {
		parsed.number, err = strconv.Atoi(trimmed)
		if err == nil && parsed.number < 0 {
			err = strconv.ErrRange
		}
	}
	if err != nil {
		return fmt.Errorf("%q is neither a share from 0%% to 100%% nor a number, write 20%% or 500", Shorten(text))
	}
	*s = parsed
	return nil
}

// Of returns the part of n, rounded down, and 10 at least.
func (s Share) Of(n int) int {
	return max(leastShare, s.number, int(math.Floor(float64(n)*s.percent/100)))
}
