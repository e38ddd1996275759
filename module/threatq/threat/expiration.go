// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"
	"time"
)

// DefaultExpiredStatus is the one status that takes an indicator out of the
// active set unless the configuration names others.
const DefaultExpiredStatus = "Expired"

// What threatq.ioc_expiration_reason says. The ingest pipeline says the same.
const (
	// ReasonExpiredAt says that ThreatQ let the indicator expire.
	ReasonExpiredAt = "Expiration set by ThreatQ's field `expired_at`"
	// ReasonExpiresAt says that ThreatQ will let the indicator expire, or has.
	ReasonExpiresAt = "Expiration set by ThreatQ's field `expires_at`"
	// ReasonDefault says that nothing but the configured duration ends it.
	ReasonDefault = "Expiration set by Elastic from the integration's parameter `IOC Expiration Duration`"

	reasonStatusPrefix = "Expiration set by ThreatQ's status `"
	reasonStatusSuffix = "`"
)

// ReasonStatus says that the indicator's status ended it. The status is named
// as ThreatQ spells it.
func ReasonStatus(status string) string {
	return reasonStatusPrefix + status + reasonStatusSuffix
}

// ExpirationPolicy is what the configuration says about expiration.
type ExpirationPolicy struct {
	// Duration is how long after its last update an indicator expires that
	// nothing else ends. It is more than zero.
	Duration time.Duration
	// ExpiredStatuses are the statuses that take an indicator out of the active
	// set at once. They are compared without regard to case and surrounding
	// white space.
	ExpiredStatuses []string
}

// Expiration is when and why an indicator leaves the active set.
type Expiration struct {
	At     time.Time
	Reason string
}

// Expire decides when an indicator leaves the active set. timestamp is the
// event's @timestamp; the other dates and the status are ThreatQ's, zero where
// there is none.
//
// The earliest of these applies, and the first of them on a tie:
//
//   - expired_at, where it is set;
//   - expires_at, where it is set;
//   - @timestamp, where the status is one of the policy's.
//
// Where none of them does, it is updated_at (@timestamp without one) plus the
// policy's duration. Whether a date lies ahead or in the past makes no
// difference. The time is at most the end of the year 9999.
func Expire(policy ExpirationPolicy, timestamp, updatedAt, expiresAt, expiredAt time.Time, status string) Expiration {
	var e Expiration
	earlier := func(at time.Time) bool {
		return e.At.IsZero() || at.Before(e.At)
	}
	if !expiredAt.IsZero() {
		e = Expiration{expiredAt, ReasonExpiredAt}
	}
	if !expiresAt.IsZero() && earlier(expiresAt) {
		e = Expiration{expiresAt, ReasonExpiresAt}
	}
	if policy.expires(status) && earlier(timestamp) {
		e = Expiration{timestamp, ReasonStatus(strings.TrimSpace(status))}
	}
	if e.At.IsZero() {
		base := updatedAt
		if base.IsZero() {
			base = timestamp
		}
		e = Expiration{addClamped(base, policy.Duration), ReasonDefault}
	}
	return e
}

// expires says whether status is one that ends an indicator.
func (p ExpirationPolicy) expires(status string) bool {
	status = strings.TrimSpace(status)
	if status == "" {
		return false
	}
	for _, expired := range p.ExpiredStatuses {
		if strings.EqualFold(strings.TrimSpace(expired), status) {
			return true
		}
	}
	return false
}

// addClamped adds d to t, but ends with the year 9999, which every output can
// write.
func addClamped(t time.Time, d time.Duration) time.Time {
	if sum := t.Add(d); sum.Before(latest) {
		return sum
	}
	return latest
}
