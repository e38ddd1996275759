// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func reports() map[string]*Report {
	total := int64(4090)
	return map[string]*Report{
		"passed": {
			Input: "threatq-default", URL: "https://threatq.example.com", DataCollectionID: "0123456789abcdef", Passed: true, Total: &total, Read: 1000,
			Steps: []Step{
				{stepResolve, OK, Duration(1234 * time.Microsecond), "threatq.example.com is 192.0.2.1, 2001:db8::1", ""},
				{stepConnect, OK, Duration(40 * time.Microsecond), "to threatq.example.com:443", ""},
				{stepTLS, OK, Duration(15400 * time.Microsecond), "TLS 1.3, certificate of CN=threatq.example.com, valid until 2027-01-01", ""},
				{stepToken, OK, Duration(99900 * time.Microsecond), "the appliance accepts the client's credentials", ""},
				{stepPage, OK, Duration(2345 * time.Millisecond), "4,090 indicators in all, 1,000 on the first page (2.1 MiB)", ""},
				{stepMap, OK, Duration(17 * time.Millisecond), "1,000 of 1,000 indicators", ""},
			},
			// An indicator may hold characters that control a terminal.
			Indicator: json.RawMessage(`{"@timestamp":"2026-03-01T12:00:00.000Z","threat":{"indicator":{"description":"\u001b[2Ja` + "\u009b\u202e" + `b","type":"ipv4-addr"}}}`),
		},
		"failed": {
			Input: "a\x1b[31mb", URL: "http://threatq.example.com", DataCollectionID: "0123456789abcdef",
			Steps: []Step{
				{stepResolve, OK, Duration(time.Millisecond), "threatq.example.com is 192.0.2.1", ""},
				{stepConnect, OK, Duration(time.Millisecond), "to threatq.example.com:80", ""},
				{stepTLS, Skipped, 0, "http:// has no TLS", ""},
				{stepToken, Failed, Duration(20 * time.Millisecond), "the appliance refuses the client's id or secret (401)\x07", "check auth.oauth2.client.id"},
				{stepPage, Skipped, 0, "", ""},
				{stepMap, Skipped, 0, "", ""},
			},
		},
	}
}

func TestReportForPeopleAndMachines(t *testing.T) {
	for name, report := range reports() {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", []byte(report.Text()))
			text, err := json.MarshalIndent(report, "", "  ")
			require.NoError(t, err)
			golden(t, name+".json", append(text, '\n'))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                 "0.0 ms",
		40 * time.Microsecond:             "0.0 ms",
		60 * time.Microsecond:             "0.1 ms",
		9940 * time.Microsecond:           "9.9 ms",
		10 * time.Millisecond:             "10 ms",
		999 * time.Millisecond:            "999 ms",
		time.Second:                       "1.00 s",
		62*time.Second + time.Millisecond: "62.00 s",
	} {
		assert.Equal(t, want, Duration(d).String())
	}
}
