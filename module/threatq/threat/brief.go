// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"time"
)

// BriefFields is the parameter fields of a request for what Brief needs. The
// appliance may send more.
const BriefFields = "id,indicator_id,status,created_at,updated_at,published_at,expires_at,expired_at"

// Brief says which indicator it is, in which version, and until when it is
// active, without what it is about.
type Brief struct {
	// ID and IndicatorID are threatq.id and threatq.indicator_id. HasID and
	// HasIndicatorID say which are there; at least one is.
	ID, IndicatorID       int64
	HasID, HasIndicatorID bool
	// UpdatedAt is threatq.updated_at in UTC, zero when it is missing.
	UpdatedAt time.Time
	// Status is the name of the status, "" when it is missing.
	Status string
	// ExpiredAt and ExpirationReason are threatq.ioc_expired_at and
	// threatq.ioc_expiration_reason, as the event of the indicator has them.
	ExpiredAt        time.Time
	ExpirationReason string
}

// Brief reads the identifiers, the version and the expiration of an indicator,
// at a fraction of the cost of its event. raw and fetched are those of Event.
// An error says that the indicator can't be read or has no identifier.
func (m *Mapper) Brief(raw []byte, fetched time.Time) (Brief, error) {
	b := m.builders.Get().(*builder)
	defer m.builders.Put(b)
	defer b.Reset(nil)
	b.brief = true
	defer func() { b.brief = false }()

	if err := b.decode(raw); err != nil {
		return Brief{}, fmt.Errorf("reading the indicator: %w", err)
	}
	ind := &b.ind
	expiration := expire(m.policy, ind, ind.timestamp(fetched.Round(0).UTC()))
	return Brief{
		ID: ind.ID, HasID: ind.HasID,
		IndicatorID: ind.IndicatorID, HasIndicatorID: ind.HasIndicatorID,
		UpdatedAt: ind.UpdatedAt,
		Status:    ind.Status,
		ExpiredAt: expiration.At, ExpirationReason: expiration.Reason,
	}, nil
}
