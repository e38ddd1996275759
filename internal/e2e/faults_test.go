// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// fault is something that an appliance does wrong for a while.
type fault struct {
	// spec is what the simulator is told to do, in the form of its command line.
	spec string
	// settings are added to the input's.
	settings map[string]any
	// says is what a line of the log must hold; nothing may be logged at level
	// error, and the cycle not fail, when it is empty.
	says string
	// level is the line's level, error when empty.
	level string
	// repeats permits indicators to arrive more than once.
	repeats bool
	// appliance says what is special about the appliance.
	appliance simulator.Config
	// before happens before the start, after when the fault has been seen.
	before, after func(t *testing.T, a *faultyAppliance)
}

type faultyAppliance struct {
	*simulator.Simulator
	server *simulator.Server
	addr   string
}

func (a *faultyAppliance) stop(t *testing.T) { require.NoError(t, a.server.Close()) }

func (a *faultyAppliance) start(t *testing.T) {
	t.Helper()
	var err error
	// The port was this test's a moment ago.
	require.Eventually(t, func() bool {
		a.server, err = a.Simulator.Start(a.addr)
		return err == nil
	}, 30*time.Second, 50*time.Millisecond, "%v", err)
}

const (
	faultIndicators = 300
	faultPages      = 10
	// faultTimeout is long enough for a page of a busy machine.
	faultTimeout = beattest.Slowness * 1500 * time.Millisecond
)

// Most faults are there for five requests: two cycles fail, because each has two
// attempts, and the third one gets over it.
var faults = map[string]fault{
	"none": {},

	"token endpoint fails":          {spec: "token/503*5", says: "requesting a token from"},
	"token endpoint fails once":     {spec: "token/500"},
	"token endpoint resets":         {spec: "token/reset*5", says: "requesting a token from"},
	"token endpoint is slow":        {spec: "token/delay:delay=300ms"},
	"token endpoint hangs":          {spec: "token/hang*5", says: "gives no answer within " + faultTimeout.String()},
	"token endpoint stalls":         {spec: "token/stalled*5", says: "the answer stopped arriving"},
	"token endpoint refuses":        {spec: "token/401*4", says: "refuses the client's id or secret (401)"},
	"token endpoint forbids":        {spec: "token/403*2", says: "refuses the client's id or secret (403)"},
	"token endpoint is busy":        {spec: "token/429:retry-after=1"},
	"token endpoint answers HTML":   {spec: "token/html*5", says: "not the JSON of a token"},
	"token endpoint says nothing":   {spec: "token/empty*5", says: "not the JSON of a token"},
	"token endpoint has no token":   {spec: "token/notoken*5", says: "holds no access_token"},
	"token endpoint answers broken": {spec: "token/badjson*5:where=middle", says: "not the JSON of a token"},
	"token endpoint breaks off":     {spec: "token/truncated*5", says: "closed the connection before the answer was complete"},
	"token endpoint redirects":      {spec: "token/redirect*2:target=https://other.example.com", says: "redirects to https://other.example.com"},
	"token expires":                 {appliance: simulator.Config{TokenTTL: 2 * faultTimeout, Latency: 300 * time.Millisecond}},
	"token is refused once":         {spec: "401@4"},
	"token is always refused":       {spec: "401*4@4", says: "refuses a token that it issued a moment ago (401)"},
	"token is revoked": {
		appliance: simulator.Config{Latency: 100 * time.Millisecond},
		before: func(_ *testing.T, a *faultyAppliance) {
			go func() {
				for a.Stats().Pages < faultPages/2 {
					time.Sleep(10 * time.Millisecond)
				}
				a.RevokeTokens()
			}()
		},
	},

	"forbidden":                {spec: "403*2@4", says: "may not read it (403)"},
	"unknown collection":       {spec: "404*2@4", says: "knows no such data collection (404)"},
	"too many requests":        {spec: "429*5@4", says: "too many requests (429)"},
	"too many, seconds":        {spec: "429@4:retry-after=1"},
	"too many, date":           {spec: "429@4:retry-after=+2s"},
	"too many, for hours":      {spec: "429*2@4:retry-after=7200", says: "it asks to wait 2h0m0s"},
	"server error":             {spec: "500*5@4", says: "answered 500"},
	"bad gateway":              {spec: "502*5@4", says: "answered 502"},
	"unavailable, once":        {spec: "503@4"},
	"unavailable, seconds":     {spec: "503@4:retry-after=1"},
	"gateway timeout":          {spec: "504*5@4", says: "answered 504"},
	"connection reset":         {spec: "reset*5@4", says: "reset the connection"},
	"no answer":                {spec: "hang*5@4", says: "gives no answer within " + faultTimeout.String()},
	"late answer":              {spec: "delay*3@4:delay=300ms"},
	"slow answer":              {spec: "slow@4:delay=2s"},
	"stalled body":             {spec: "stalled*5@4", says: "the answer stopped arriving", repeats: true},
	"truncated body":           {spec: "truncated*5@4", says: "closed the connection before the answer was complete", repeats: true},
	"truncated body, once":     {spec: "truncated@4"},
	"HTML":                     {spec: "html*5@4", says: "an HTML or XML page instead of JSON"},
	"empty answer":             {spec: "empty*5@4", says: "the answer is empty"},
	"redirect":                 {spec: "redirect*2@4:target=http://127.0.0.1:9", says: "redirects to http://127.0.0.1:9/"},
	"bad JSON at the start":    {spec: "badjson*5@4:where=start", says: "not valid JSON", repeats: true},
	"bad JSON in the middle":   {spec: "badjson*5@4:where=middle", says: "not valid JSON", repeats: true},
	"bad JSON at the end":      {spec: "badjson*5@4:where=end", says: "not valid JSON", repeats: true},
	"bad JSON once":            {spec: "badjson@4:where=middle"},
	"cursor rejected":          {spec: "rejected*2@4", says: "rejected the saved cursor", level: "warn", repeats: true},
	"cursor rejected as 422":   {spec: "rejected*2@4:status=422", says: "rejected the saved cursor", level: "warn", repeats: true},
	"cursor does not advance":  {spec: "stuck@4", repeats: true},
	"page repeats":             {spec: "repeat@4", repeats: true},
	"cursors in a circle":      {spec: "loop*20@4", says: "cursors in a circle", repeats: true},
	"page too large":           {spec: "oversized*2@4:size=2MB", settings: map[string]any{"request.max_body_size": "1MiB"}, says: "larger than request.max_body_size (1.0MiB)"},
	"endless page":             {spec: "endless*2@4", settings: map[string]any{"request.max_body_size": "1MiB"}, says: "larger than request.max_body_size (1.0MiB)"},
	"limited to 20 per second": {settings: map[string]any{"request.rate_limit.limit": 20}},
	"appliance is down at first": {
		says:   "refuses the connection",
		before: func(t *testing.T, a *faultyAppliance) { a.stop(t) },
		after:  func(t *testing.T, a *faultyAppliance) { a.start(t) },
	},
	"appliance goes down": {
		appliance: simulator.Config{Latency: 50 * time.Millisecond},
		says:      "refuses the connection",
		before: func(t *testing.T, a *faultyAppliance) {
			go func() {
				for a.Stats().Pages < faultPages/2 {
					time.Sleep(10 * time.Millisecond)
				}
				a.stop(t)
			}()
		},
		after: func(t *testing.T, a *faultyAppliance) { a.start(t) },
	},
}

// One threatqbeat has an input for each fault. The faults don't keep it from
// collecting all there is, nor the other inputs, and it asks no more often than
// it should.
func TestFaultsLoseNothing(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	appliances := map[string]*faultyAppliance{}
	var inputs []any
	firstID := int64(0)
	for _, name := range slices.Sorted(maps.Keys(faults)) { // the same content in each run
		f := faults[name]
		firstID += 1_000_000
		cfg := f.appliance
		cfg.Indicators, cfg.Seed, cfg.FirstID = faultIndicators, 1, firstID
		sim, err := simulator.New(cfg)
		require.NoError(t, err)
		a := &faultyAppliance{Simulator: sim, addr: "127.0.0.1:0"}
		a.start(t)
		a.addr = strings.TrimPrefix(a.server.URL, "http://")
		t.Cleanup(func() { _ = a.server.Close() })
		appliances[name] = a
		require.NoError(t, a.Inject(f.spec), name)
		if f.before != nil {
			f.before(t, a)
		}
		settings := map[string]any{
			"page_size":       faultIndicators / faultPages,
			"request.timeout": faultTimeout.String(),
			"request.retry":   map[string]any{"max_attempts": 2, "wait_min": "10ms", "wait_max": "20ms"},
		}
		maps.Copy(settings, f.settings)
		cfg = sim.Config()
		inputs = append(inputs, beattest.Input(name, "http://"+a.addr, cfg.DataCollectionID, cfg.ClientID, cfg.ClientSecret, settings))
	}
	// Those that never get well are no harm to the others.
	for name, address := range map[string]string{
		"unknown host":      "https://no-such-host.invalid",
		"certificate wrong": startUntrusted(t),
		"no TLS":            strings.Replace(appliances["none"].server.URL, "http:", "https:", 1),
	} {
		inputs = append(inputs, beattest.Input(name, address, "0123456789abcdef", "client", "0f-n0b0dy", map[string]any{
			"request.timeout": faultTimeout.String(), "request.retry.max_attempts": 1,
		}))
	}
	api := freeAddress(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": inputs,
		"http":               endpointAt(api),
		"logging":            map[string]any{"level": "info", "to_files": true},
	})
	start := time.Now()
	beat := dir.Start("run")

	byID := func() map[string][]beattest.Event {
		lines := map[string][]beattest.Event{}
		for _, line := range dir.Logs() {
			if id, _ := line["id"].(string); id != "" {
				lines[id] = append(lines[id], line)
			}
		}
		return lines
	}
	for name, f := range faults {
		if f.after != nil {
			beat.Eventually("the failure of "+name, func() bool {
				time.Sleep(100 * time.Millisecond)
				return logged(byID()[name], f.says, "error")
			})
			f.after(t, appliances[name])
		}
	}
	beat.Eventually("the health of all inputs", func() bool {
		time.Sleep(100 * time.Millisecond)
		healthy := 0
		for _, input := range inputStates(t, api) {
			id, _, _ := strings.Cut(fmt.Sprint(input["id"]), "::")
			collected, _ := input["indicators_total"].(float64)
			if input["status"] == "healthy" && appliances[id] != nil && collected >= faultIndicators {
				healthy++
			}
		}
		return healthy == len(appliances)
	})
	var missing []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("missing:", missing)
		}
	})
	beat.Eventually("the arrival of everything", func() bool {
		missing = nil
		counts := arrivals(dir.Events())
		for name, a := range appliances {
			for indicator := range a.Expected() {
				if counts[indicator.ID] == 0 {
					missing = append(missing, fmt.Sprint(name, ": ", indicator.ID))
				}
			}
		}
		return len(missing) == 0
	})
	took := time.Since(start)
	beat.Stop()

	counts := arrivals(dir.Events())
	lines := byID()
	for name, f := range faults {
		a := appliances[name]
		most := 0
		for indicator := range a.Expected() {
			most = max(most, counts[indicator.ID])
		}
		if !f.repeats {
			assert.Equal(t, 1, most, "%s: an indicator came so often", name)
		}
		for _, left := range a.PendingFaults() {
			assert.Fail(t, "a fault did not happen", "%s: %s", name, left)
		}
		if f.says == "" {
			for _, line := range lines[name] {
				assert.NotContains(t, []any{"error", "warn"}, line["log.level"], "%s: %v", name, line["message"])
			}
		} else {
			level := f.level
			if level == "" {
				level = "error"
			}
			assert.True(t, logged(lines[name], f.says, level), "%s: no line at level %s says %q:\n%s", name, level, f.says, texts(lines[name]))
		}
		// A page is asked for once, after each of the few faults once more, and
		// after each cycle whether there is something new.
		requests := a.Stats().Total(simulator.EndpointData)
		assert.LessOrEqual(t, requests, 3*faultPages+6+2*int(took/time.Second+2), "%s: requests for pages", name)
		assert.LessOrEqual(t, a.Stats().Tokens, 4+int(took/time.Second), "%s: tokens", name)
	}
	assert.True(t, logged(lines["unknown host"], `host name "no-such-host.invalid"`, "error"), texts(lines["unknown host"]))
	assert.True(t, logged(lines["certificate wrong"], "an authority that is not trusted here", "error"), texts(lines["certificate wrong"]))
	assert.True(t, logged(lines["no TLS"], "does not speak TLS", "error"), texts(lines["no TLS"]))
	assert.NotContains(t, beat.Output(), "panic")
}

var idInText = regexp.MustCompile(`"id":\s*"?(\d+)`)

// arrivals counts the events of each indicator, those among them that could not
// be read.
func arrivals(events []beattest.Event) map[int64]int {
	counts := countIDs(events)
	delete(counts, 0)
	for _, event := range events {
		if event.Get("event.kind") != "pipeline_error" {
			continue
		}
		original, _ := event.Get("event.original").(string)
		// The ids of its attributes and sources among them, which are small.
		for _, found := range idInText.FindAllStringSubmatch(original, -1) {
			id, _ := strconv.ParseInt(found[1], 10, 64)
			counts[id]++
		}
	}
	return counts
}

func logged(lines []beattest.Event, text, level string) bool {
	for _, line := range lines {
		message, _ := line["message"].(string)
		cause, _ := line["error"].(string)
		if line["log.level"] == level && (strings.Contains(message, text) || strings.Contains(cause, text)) {
			return true
		}
	}
	return false
}

// texts is what was logged above level debug.
func texts(lines []beattest.Event) string {
	var b strings.Builder
	for _, line := range lines {
		if line["log.level"] != "debug" {
			fmt.Fprintln(&b, line["log.level"], line["message"], line["error"])
		}
	}
	return b.String()
}

func startUntrusted(t *testing.T) string {
	t.Helper()
	sim, _ := startTLSAppliance(t, tidy(1))
	t.Cleanup(func() {
		assert.Zero(t, sim.Stats().Total(simulator.EndpointToken), "requests to an appliance that is not trusted")
	})
	return sim.URL
}

var freeAddresses atomic.Uint32

// freeAddress returns an address that nothing listens on, now and later. On Linux all of
// 127.0.0.0/8 is loopback, so that it is on a host that no other test uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" {
		host = fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()/256%255, os.Getpid()%256, 1+freeAddresses.Add(1)%250)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// endpointAt are the settings of an HTTP endpoint at an address.
func endpointAt(address string) map[string]any {
	host, port, _ := net.SplitHostPort(address)
	return map[string]any{"enabled": true, "host": host, "port": port}
}

// inputStates reads the metrics of the inputs over HTTP.
func inputStates(t *testing.T, api string) []beattest.Event {
	t.Helper()
	resp, err := http.Get("http://" + api + "/inputs/")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil // not ready yet
	}
	var list []beattest.Event
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&list))
	return list
}
