// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"
	"time"
)

// What threatq.ioc_expiration_reason says. The ingest pipeline says the same.
const (
	// reasonExpiredAt says that ThreatQ let the indicator expire.
	reasonExpiredAt = "Expiration set by ThreatQ's field `expired_at`"
	// reasonExpiresAt says that ThreatQ will let the indicator expire, or has.
	reasonExpiresAt = "Expiration set by ThreatQ's field `expires_at`"
	// reasonDefault says that nothing but the configured duration ends it.
	reasonDefault = "Expiration set by Elastic from the integration's parameter `IOC Expiration Duration`"
)

// reasonStatus says that the indicator's status ended it. The status is named
// as ThreatQ spells it.
func reasonStatus(status string) string {
	return "Expiration set by ThreatQ's status `" + status + "`"
}

// expiration is when and why an indicator leaves the active set.
type expiration struct {
	At     date
	Reason string
}

// expire decides when an indicator leaves the active set. timestamp is the
// event's @timestamp.
//
// The earliest of these applies, and the first of them on a tie:
//
//   - expired_at, where it is set;
//   - expires_at, where it is set;
//   - @timestamp, where the status is one of ExpiredStatuses.
//
// Where none of them does, it is updated_at (@timestamp without one) plus the
// ExpirationDuration. Whether a date lies ahead or in the past makes no
// difference. The time is at most the end of the year 9999.
func expire(cfg *MapperConfig, ind *indicator, timestamp date) expiration {
	var e expiration
	earlier := func(at date) bool { return e.At == 0 || at < e.At }
	if ind.ExpiredAt != 0 {
		e = expiration{ind.ExpiredAt, reasonExpiredAt}
	}
	if ind.ExpiresAt != 0 && earlier(ind.ExpiresAt) {
		e = expiration{ind.ExpiresAt, reasonExpiresAt}
	}
	if cfg.expires(ind.Status) && earlier(timestamp) {
		e = expiration{timestamp, reasonStatus(strings.TrimSpace(ind.Status))}
	}
	if e.At == 0 {
		e = expiration{addClamped(firstDate(ind.UpdatedAt, timestamp), cfg.ExpirationDuration), reasonDefault}
	}
	return e
}

// expires says whether status is one that ends an indicator.
func (c *MapperConfig) expires(status string) bool {
	status = strings.TrimSpace(status)
	if status == "" {
		return false
	}
	for _, expired := range c.ExpiredStatuses {
		if strings.EqualFold(strings.TrimSpace(expired), status) {
			return true
		}
	}
	return false
}

// addClamped adds a duration to a date, but ends with the latest one.
func addClamped(d date, after time.Duration) date {
	if sum := d.time().Add(after); sum.Before(latest) {
		return dateOf(sum)
	}
	return dateOf(latest)
}
