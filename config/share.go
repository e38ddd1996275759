// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// leastShare is what a Share allows for at least: of a few indicators, a share
// would be none.
const leastShare = 10

// Share is a part of a number: a share such as 20%, or a number of its own.
type Share struct {
	percent float64
	number  int
	text    string
}

// Unpack takes the share from a configuration.
func (s *Share) Unpack(text string) error {
	trimmed := strings.TrimSpace(text)
	parsed := Share{text: trimmed}
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

// String returns the share as it was written.
func (s Share) String() string { return s.text }
