// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"math"
	"time"
)

// Missing stands for an id that an indicator does not have.
const Missing = math.MinInt64

// Indicator names an indicator as the transform does: by threatq.id and
// threatq.indicator_id, either of which may be Missing.
type Indicator struct{ ID, IndicatorID int64 }

// Named reports whether the indicator has at least one id.
func (i Indicator) Named() bool { return i.ID != Missing || i.IndicatorID != Missing }

func (i Indicator) compare(other Indicator) int {
	return cmp.Or(cmp.Compare(i.ID, other.ID), cmp.Compare(i.IndicatorID, other.IndicatorID))
}

// Version is the updated_at of an indicator in Unix seconds, which is what ThreatQ
// counts in. A later version is a greater number.
type Version uint32

const (
	// Uncertain is the version of what may have been delivered or not: older than
	// any other.
	Uncertain Version = 0
	// Undated is the version of an indicator without updated_at.
	Undated Version = 1
	// latestVersion is the latest date that is told apart, in 2106.
	latestVersion Version = math.MaxUint32 - 1
	// Gone is the version of what was retired.
	Gone Version = math.MaxUint32
)

// VersionOf returns the version that an updated_at stands for.
func VersionOf(updatedAt time.Time) Version {
	if updatedAt.IsZero() {
		return Undated
	}
	return Version(min(max(updatedAt.Unix(), int64(Undated)+1), int64(latestVersion)))
}

// Entry is an indicator and a version of it.
type Entry struct {
	Indicator
	Version Version
}

func compareEntries(a, b Entry) int { return a.compare(b.Indicator) }
