// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// BriefFields is the parameter fields of a request for what Brief needs. The
// appliance may send more.
const BriefFields = "id,indicator_id,status,created_at,updated_at,published_at,expires_at,expired_at"

// Brief says which indicator it is, in which version, and until when it is
// active, without what it is about.
type Brief struct {
	// Entry is the indicator, which has at least one id, and its version.
	registry.Entry
	// ExpiredAt is threatq.ioc_expired_at, as the event of the indicator has it.
	ExpiredAt time.Time
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
	return m.brief(&b.ind, fetched), nil
}

func (m *Mapper) brief(ind *indicator, fetched time.Time) Brief {
	return Brief{
		Entry:     registry.Entry{Indicator: ind.Indicator, Version: registry.VersionOf(ind.UpdatedAt)},
		ExpiredAt: expire(m.policy, ind, ind.timestamp(fetched.Round(0).UTC())).At,
	}
}
