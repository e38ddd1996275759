// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// redisServer takes lists, and answers with an error while there is one.
type redisServer struct {
	address string
	refusal atomic.Pointer[string]

	mu    sync.Mutex
	lists map[string][]beattest.Event
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s := &redisServer{address: listener.Addr().String(), lists: map[string][]beattest.Event{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *redisServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	number := func() int {
		line, _ := in.ReadString('\n')
		n, _ := strconv.Atoi(strings.TrimSpace(line[min(1, len(line)):]))
		return n
	}
	for {
		command := make([]string, number())
		for i := range command {
			text := make([]byte, number()+len("\r\n"))
			if _, err := io.ReadFull(in, text); err != nil {
				return
			}
			command[i] = string(text[:len(text)-2])
		}
		if len(command) == 0 {
			return
		}
		fmt.Fprint(conn, s.answer(command))
	}
}

func (s *redisServer) answer(command []string) string {
	switch refusal := s.refusal.Load(); {
	case command[0] == "INFO":
		const info = "redis_version:7.2.4"
		return fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
	case command[0] != "RPUSH":
		return "+OK\r\n"
	case refusal != nil:
		return "-" + *refusal + "\r\n"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range command[2:] {
		var event beattest.Event
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			return "-ERR " + err.Error() + "\r\n"
		}
		s.lists[command[1]] = append(s.lists[command[1]], event)
	}
	return ":1\r\n"
}

// events are those of all lists.
func (s *redisServer) events() (events []beattest.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.lists {
		events = append(events, list...)
	}
	return events
}

// What Redis refuses is held, and the health has its words. An event for which the
// settings give no key is held as well, until they are corrected.
func TestRedisRefusalsAreHeld(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refusal string
		key     string
		reason  []string
	}{
		"full":     {"OOM command not allowed when used memory > 'maxmemory'.", "threats", []string{"output.redis at 127.0.0.1:", "OOM command not allowed", "acknowledged nothing for 2s"}},
		"replica":  {"READONLY You can't write against a read only replica.", "threats", []string{"READONLY You can't write"}},
		"password": {"NOAUTH Authentication required.", "threats", []string{"NOAUTH Authentication required."}},
		"no key":   {"", "threats-%{[threatq.none]}", []string{"output.redis.key gives no key for threatq.id ", "correct the field's name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const indicators = 300
			sim := startAppliance(t, tidy(indicators))
			server := startRedis(t)
			if test.refusal != "" {
				server.refusal.Store(&test.refusal)
			}
			dir := beattest.NewDir(t)
			output := map[string]any{"hosts": []string{server.address}, "key": test.key, "backoff": map[string]any{"init": "100ms", "max": "200ms"}}
			settings := map[string]any{
				"threatqbeat.inputs":        []any{sim.input("one", nil)},
				"threatqbeat.max_ack_delay": "2s",
				"output":                    map[string]any{"redis": output},
			}
			get := withEndpoint(t, dir, settings)
			dir.Configure(settings)
			beat := dir.Start("run")
			var root beattest.Event
			for _, text := range test.reason {
				beat.Eventually("degraded: "+text, func() bool {
					reason := ""
					if get("/", &root) {
						reason, _ = root.Get("health.reason").(string)
					}
					return root.Get("health.status") == "degraded" && strings.Contains(reason, text)
				})
			}
			assert.Empty(t, savedCursors(t, dir)["one"].Get("mark"), "the cursor stays")
			assert.Empty(t, server.events())

			if test.refusal == "" {
				beat.Stop()
				output["key"] = "threats-%{[threatq.none]:all}"
				dir.Configure(settings)
				beat = dir.Start("run")
			}
			server.refusal.Store(nil)
			beat.Eventually("the arrival of everything", func() bool { return len(server.events()) >= indicators })
			beat.Eventually("the health to recover", func() bool { return get("/", &root) && root.Get("health.status") == "healthy" })
			beat.Stop()
			sim.requireEach(t, server.events(), true)
		})
	}
}

// Redis has no test of its own in Libbeat.
func TestTestOutputOfRedis(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for address, want := range map[string]string{
		startRedis(t).address: "connection and credentials... OK",
		freeAddress(t):        "connection and credentials... ERROR dial tcp",
	} {
		dir := beattest.NewDir(t)
		dir.Configure(map[string]any{"output": map[string]any{"redis": map[string]any{"hosts": []string{address}, "key": "threats"}}})
		output, code := dir.Run("test", "output")
		assert.Contains(t, output, "redis(tcp://"+address+")")
		assert.Contains(t, output, want)
		assert.Equal(t, strings.Contains(want, "ERROR"), code != 0, output)
	}
}
