// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
)

const defaultExpiredStatus = "Expired"

// expirationCase is one row of testdata/expiration.json. The ingest pipeline is
// tested with the rows that have Defaults: it knows no other settings.
type expirationCase struct {
	Name     string `json:"name"`
	Defaults bool   `json:"defaults"`
	Input    struct {
		Timestamp time.Time       `json:"@timestamp"`
		ThreatQ   json.RawMessage `json:"threatq"`
	} `json:"input"`
	ExpiredStatuses []string  `json:"expired_statuses"`
	Duration        string    `json:"duration"`
	WantAt          time.Time `json:"want_ioc_expired_at"`
	WantReason      string    `json:"want_reason"`
}

func expirationCases(t *testing.T) []expirationCase {
	t.Helper()
	table, err := os.ReadFile("testdata/expiration.json")
	require.NoError(t, err)
	var cases []expirationCase
	require.NoError(t, json.Unmarshal(table, &cases))
	return cases
}

func TestExpire(t *testing.T) {
	for _, tc := range expirationCases(t) {
		t.Run(tc.Name, func(t *testing.T) {
			duration, err := config.ParseLifetime(tc.Duration)
			require.NoError(t, err)
			policy := MapperConfig{ExpirationDuration: duration, ExpiredStatuses: tc.ExpiredStatuses}
			d := decoder{brief: true}
			require.NoError(t, d.decode(fmt.Appendf(nil, `{"id":1,%s`, tc.Input.ThreatQ[1:])))
			require.Empty(t, d.ind.Problems)
			got := expire(&policy, &d.ind, dateOf(tc.Input.Timestamp))
			assert.Equal(t, tc.WantAt, got.At.time())
			assert.Equal(t, tc.WantReason, got.Reason)
		})
	}
}

// TestExpirationTableIsComplete makes sure that the table has every
// combination, and says of each row truly whether the pipeline is to handle it.
func TestExpirationTableIsComplete(t *testing.T) {
	relative := func(at, to time.Time) string {
		switch {
		case at.IsZero():
			return "none"
		case at.Before(to):
			return "past"
		case at.After(to):
			return "future"
		}
		return "same"
	}
	type combination struct{ status, statuses, expires, expired, unit string }
	seen := map[combination]bool{}
	names := map[string]bool{}
	for _, tc := range expirationCases(t) {
		assert.False(t, names[tc.Name], "the name %q occurs twice", tc.Name)
		names[tc.Name] = true
		isDefault := fmt.Sprint(tc.ExpiredStatuses) == fmt.Sprintf("[%s]", defaultExpiredStatus) && tc.Duration == "90d"
		assert.Equal(t, isDefault, tc.Defaults, tc.Name)

		var in struct {
			Status    string    `json:"status"`
			ExpiresAt time.Time `json:"expires_at"`
			ExpiredAt time.Time `json:"expired_at"`
		}
		require.NoError(t, json.Unmarshal(tc.Input.ThreatQ, &in))
		seen[combination{
			in.Status, fmt.Sprint(tc.ExpiredStatuses),
			relative(in.ExpiresAt, tc.Input.Timestamp), relative(in.ExpiredAt, tc.Input.Timestamp),
			tc.Duration[len(tc.Duration)-1:],
		}] = true
	}
	for _, status := range []string{"", "Active", "Expired", "Whitelisted"} {
		for _, statuses := range []string{"[Expired]", "[Expired Whitelisted]"} {
			for _, expires := range []string{"none", "past", "future"} {
				for _, expired := range []string{"none", "past", "future"} {
					for _, unit := range []string{"d", "h", "m"} {
						c := combination{status, statuses, expires, expired, unit}
						assert.True(t, seen[c], "no case for %+v", c)
					}
				}
			}
		}
	}
}

// TestReasons pins the wording: dashboards and rules filter by it.
func TestReasons(t *testing.T) {
	assert.Equal(t, "Expiration set by ThreatQ's field `expired_at`", reasonExpiredAt)
	assert.Equal(t, "Expiration set by ThreatQ's field `expires_at`", reasonExpiresAt)
	assert.Equal(t, "Expiration set by ThreatQ's status `Whitelisted`", reasonStatus("Whitelisted"))
	assert.Equal(t, "Expiration set by Elastic from the integration's parameter `IOC Expiration Duration`", reasonDefault)
}
