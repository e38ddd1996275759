// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

const oddToken = "an-access-token-that-must-not-be-seen"

// oddAppliance is an appliance whose answers for data a test makes up.
type oddAppliance struct {
	URL   string
	token http.HandlerFunc // nil: issue oddToken
	// page answers the n-th request, from 0, which has that mark.
	page func(w http.ResponseWriter, n int, mark string)

	mu    sync.Mutex
	marks []string
}

func (a *oddAppliance) start(t *testing.T) *oddAppliance {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

func (a *oddAppliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/api/token" {
		if a.token != nil {
			a.token(w, r)
			return
		}
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 172799}`, oddToken)
		return
	}
	mark := r.FormValue("cursorMark")
	a.mu.Lock()
	n := len(a.marks)
	a.marks = append(a.marks, mark)
	a.mu.Unlock()
	a.page(w, n, mark)
}

// requests returns the marks of the requests so far.
func (a *oddAppliance) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.marks...)
}

func (a *oddAppliance) input(id string, settings map[string]any) map[string]any {
	all := map[string]any{"request.retry": map[string]any{"max_attempts": 2, "wait_min": "10ms", "wait_max": "20ms"}}
	for key, value := range settings {
		all[key] = value
	}
	return beattest.Input(id, a.URL, "0123456789abcdef", "client", "client-secret-of-the-test", all)
}

// oddPage writes a page with the indicators of these ids.
func oddPage(w http.ResponseWriter, next string, ids ...int) {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"id":%d,"value":"192.0.2.%d","type":{"name":"IP Address"},"updated_at":"2026-01-01 00:00:00"}`, id, id%256))
	}
	fmt.Fprintf(w, `{"data":[%s],"nextCursorMark":%q}`, strings.Join(list, ","), next)
}

// switchProtocols answers 101 and keeps the connection until the client goes away.
func switchProtocols(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = conn.Read(make([]byte, 1))
}

// Answers that are odd, but that appliances or what stands in between may give,
// neither stop an input nor lead it astray.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	const ids = 3
	refusal := func(w http.ResponseWriter, html bool) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		if html {
			fmt.Fprint(w, "<html><body>Your request was blocked</body></html>")
			return
		}
		fmt.Fprint(w, `{"message": "The given data was invalid.", "errors": {"cursorMark": ["invalid"]}}`)
	}
	// collected answers a first page, and then what answer does for its mark.
	collected := func(answer func(w http.ResponseWriter, n int)) func(http.ResponseWriter, int, string) {
		return func(w http.ResponseWriter, n int, mark string) {
			if mark == "*" {
				oddPage(w, "first", 1, 2, 3)
				return
			}
			answer(w, n)
		}
	}
	odd := map[string]*oddAppliance{
		"101 for a page":  {page: func(w http.ResponseWriter, _ int, _ string) { switchProtocols(w, nil) }},
		"101 for a token": {token: switchProtocols},
		"101 for a while": {page: func(w http.ResponseWriter, n int, mark string) {
			if n < 5 {
				switchProtocols(w, nil)
				return
			}
			oddPage(w, "end", 1, 2, 3)
		}},
		"204":            {page: func(w http.ResponseWriter, _ int, _ string) { w.WriteHeader(http.StatusNoContent) }},
		"206":            {page: func(w http.ResponseWriter, _ int, _ string) { w.WriteHeader(http.StatusPartialContent) }},
		"302":            {page: func(w http.ResponseWriter, _ int, _ string) { w.WriteHeader(http.StatusFound) }},
		"error with 200": {page: collected(func(w http.ResponseWriter, _ int) { fmt.Fprint(w, `{"error": "index", "total": 0}`) })},
		"data null":      {page: collected(func(w http.ResponseWriter, _ int) { fmt.Fprint(w, `{"data": null}`) })},
		"only a total":   {page: collected(func(w http.ResponseWriter, _ int) { fmt.Fprint(w, `{"total": 0}`) })},
		"422 of a proxy": {page: collected(func(w http.ResponseWriter, _ int) { refusal(w, true) })},
		"422 once a cycle": {page: collected(func(w http.ResponseWriter, n int) {
			if n%2 == 1 {
				refusal(w, false)
				return
			}
			oddPage(w, "first")
		})},
		"422": {page: collected(func(w http.ResponseWriter, n int) {
			if n < 3 {
				refusal(w, false)
				return
			}
			oddPage(w, "first")
		})},
		"empty pages between": {page: func(w http.ResponseWriter, n int, mark string) {
			var at int
			_, _ = fmt.Sscanf(mark, "mark-%d", &at)
			next := fmt.Sprintf("mark-%d", at+1)
			switch at {
			case 0, 1, 40:
				oddPage(w, next)
			case 2:
				oddPage(w, "mark-40", 1, 2, 3)
			case 41:
				oddPage(w, mark)
			default:
				http.NotFound(w, nil)
			}
		}},
		// With a total, because without one a cycle may end with any page after its interval.
		"empty pages without end": {page: func(w http.ResponseWriter, n int, _ string) {
			fmt.Fprintf(w, `{"total":1000,"data":[],"nextCursorMark":"mark-%d"}`, n)
		}},
		"updates all the time": {page: func(w http.ResponseWriter, n int, _ string) {
			time.Sleep(20 * time.Millisecond)
			oddPage(w, fmt.Sprint("mark-", n), 2*n+10, 2*n+11)
		}},
	}
	says := map[string]string{ // the cycle fails and says so; the others don't fail
		"101 for a page":          "answered 101 (Switching Protocols), which holds no answer",
		"101 for a token":         "answered 101 (Switching Protocols), which holds no answer",
		"101 for a while":         "answered 101 (Switching Protocols), which holds no answer",
		"204":                     "answered 204 (No Content), which holds no answer",
		"206":                     "answered 206 (Partial Content), which holds no answer",
		"302":                     "answered 302 (Found) without saying where to",
		"error with 200":          `lacks "data", the list of indicators, and holds an error`,
		"data null":               `lacks "data", the list of indicators`,
		"only a total":            `lacks "data", the list of indicators`,
		"422 of a proxy":          "answered 422 (Unprocessable Entity) without the JSON of an appliance's answer",
		"empty pages without end": "sent 100 empty pages in a row",
	}
	dir := beattest.NewDir(t)
	var inputs []any
	for name, a := range odd {
		inputs = append(inputs, a.start(t).input(name, nil))
	}
	dir.Configure(map[string]any{"threatqbeat.inputs": inputs, "logging": map[string]any{"level": "info", "to_files": true}})
	beat := dir.Start("run")
	var lines []beattest.Event
	count := func(name, text, level string) (n int) {
		for _, line := range lines {
			message, _ := line["message"].(string)
			if line["id"] == name && line["log.level"] == level && strings.Contains(message, text) {
				n++
			}
		}
		return n
	}
	waiting := ""
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("waited for", waiting)
		}
	})
	beat.Eventually("two cycles of each input", func() bool {
		time.Sleep(100 * time.Millisecond)
		lines = dir.Logs()
		for name := range odd {
			waiting = name
			switch text := says[name]; {
			case name == "101 for a while" && count(name, "The cycle is complete.", "info") == 0:
				return false
			case text != "" && count(name, text, "error") < 2:
				return false
			case text == "" && count(name, "The cycle is complete.", "info") < 2:
				return false
			}
		}
		// Where a page takes an interval, each empty page is a cycle.
		waiting = "empty pages between"
		return len(odd[waiting].requests()) >= 6
	})
	start := time.Now()
	beat.Stop()
	lines = dir.Logs()
	assert.Less(t, time.Since(start), soon)

	for name, text := range says {
		if name != "101 for a while" && text != "" && !strings.Contains(name, "1") {
			assert.LessOrEqual(t, count(name, "The cycle is complete.", "info"), 1, name)
		}
	}
	arrived := countIDs(dir.Events())
	for id := 1; id <= ids; id++ {
		assert.Positive(t, arrived[int64(id)])
	}
	beginnings := func(name string) (n int) {
		for _, mark := range odd[name].requests() {
			if mark == "*" {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 1, beginnings("422 of a proxy"))
	assert.Equal(t, 1, beginnings("422 once a cycle"))
	assert.Equal(t, 2, beginnings("422"))
	requests := odd["empty pages between"].requests()
	assert.Equal(t, []string{"*", "mark-1", "mark-2", "mark-40", "mark-41", "mark-41"}, requests[:6])
	assert.Contains(t, odd["empty pages without end"].requests(), "mark-99", "the next cycle goes on where this one ended")

	// No event carried this mark, and it is saved all the same.
	before := len(odd["empty pages between"].requests())
	beat = dir.Start("run")
	beat.Eventually("a request of the next start", func() bool { return len(odd["empty pages between"].requests()) > before })
	beat.Stop()
	assert.Equal(t, "mark-41", odd["empty pages between"].requests()[before])
}

// test input ends as well.
func TestTestInputWithSwitchedProtocols(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for name, a := range map[string]*oddAppliance{
		"page":  {page: func(w http.ResponseWriter, _ int, _ string) { switchProtocols(w, nil) }},
		"token": {token: switchProtocols},
	} {
		dir := beattest.NewDir(t)
		dir.Configure(map[string]any{"threatqbeat.inputs": []any{a.start(t).input(name, nil)}})
		output, code := dir.Run("test", "input")
		assert.Equal(t, 1, code, output)
		assert.Contains(t, output, "answered 101 (Switching Protocols), which holds no answer", name)
	}
}

// A token that the appliance sends back as a cursor, in a redirect or in an error
// is written nowhere.
func TestEchoedTokenIsWrittenNowhere(t *testing.T) {
	t.Parallel()
	appliances := map[string]*oddAppliance{
		"cursor": {page: func(w http.ResponseWriter, _ int, _ string) { oddPage(w, "AoE/"+oddToken, 1) }},
		"mark": {page: func(w http.ResponseWriter, _ int, _ string) {
			oddPage(w, strings.ReplaceAll("a/"+oddToken, "/", `\/`), 1)
		}},
		"redirect": {page: func(w http.ResponseWriter, _ int, _ string) {
			w.Header().Set("Location", "/moved/"+oddToken+"?x="+oddToken)
			w.WriteHeader(http.StatusFound)
		}},
		"elsewhere": {page: func(w http.ResponseWriter, _ int, _ string) {
			w.Header().Set("Location", "http://other.example.com/"+oddToken)
			w.WriteHeader(http.StatusFound)
		}},
		"refusal": {page: func(w http.ResponseWriter, _ int, _ string) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message": "bad token %s"}`, oddToken)
		}},
	}
	dir := beattest.NewDir(t)
	var inputs []any
	for name, a := range appliances {
		inputs = append(inputs, a.start(t).input(name, map[string]any{
			"request.tracer": map[string]any{"enabled": true, "filename": "trace.ndjson"},
		}))
	}
	api := freeAddress(t)
	host, port, _ := strings.Cut(api, ":")
	dir.Configure(map[string]any{"threatqbeat.inputs": inputs, "http": map[string]any{"enabled": true, "host": host, "port": port}})
	beat := dir.Start("run")
	beat.Eventually("failed cycles of each input", func() bool {
		failed := map[any]bool{}
		for _, line := range dir.Logs() {
			if message, _ := line["message"].(string); strings.Contains(message, "The cycle failed") {
				failed[line["id"]] = true
			}
		}
		return len(failed) == len(appliances)
	})
	states := fmt.Sprint(inputStates(t, api))
	beat.Stop()
	assert.NotContains(t, beat.Output()+states, oddToken)
	files := 0
	require.NoError(t, filepath.WalkDir(dir.Path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		assert.NotContains(t, string(text), oddToken, path)
		return err
	}))
	assert.Greater(t, files, 5)
}

// A page without an end costs no more than about twice what it may have.
func TestEndlessPageCostsTwiceItsLimit(t *testing.T) {
	beattest.SkipUnderRace(t, "measures memory")
	t.Parallel()
	const limit = 128 << 20
	peak := func(page func(w http.ResponseWriter, n int, mark string), done string) int64 {
		a := (&oddAppliance{page: page}).start(t)
		dir := beattest.NewDir(t)
		dir.Configure(map[string]any{"threatqbeat.inputs": []any{a.input("one", map[string]any{"request.max_body_size": limit})}})
		beat := dir.Start("run")
		beat.Eventually("three cycles", func() bool {
			n := 0
			for _, line := range dir.Logs() {
				if message, _ := line["message"].(string); strings.Contains(message, done) {
					n++
				}
			}
			return n >= 3
		})
		defer beat.Stop()
		return peakMemory(t, beat.PID())
	}
	small := peak(func(w http.ResponseWriter, _ int, _ string) { oddPage(w, "first") }, "The cycle is complete.")
	piece := []byte(strings.Repeat(`{"id":1,"value":"192.0.2.1"},`, 10_000))
	large := peak(func(w http.ResponseWriter, _ int, _ string) {
		_, err := fmt.Fprint(w, `{"data":[`)
		for err == nil {
			_, err = w.Write(piece)
		}
	}, "larger than request.max_body_size")
	t.Logf("Peak %d MiB, %d MiB with small pages.", large>>20, small>>20)
	assert.Less(t, large-small, int64(limit)*11/5)
}
