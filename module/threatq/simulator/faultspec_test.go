// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseFaults(t *testing.T) {
	for text, want := range map[string][]fault{
		"":   nil,
		"  ": nil,
		"503*3,429:retry-after=2,reset@10": {
			{endpoint: EndpointData, name: "status", settings: settings{status: 503}, count: 3},
			{endpoint: EndpointData, name: "status", settings: settings{status: 429, retryAfter: "2"}, count: 1},
			{endpoint: EndpointData, name: "reset", count: 1, after: 10},
		},
		" token/401*forever , data/html@2*3 ": {
			{endpoint: EndpointToken, name: "status", settings: settings{status: 401}, count: forever},
			{endpoint: EndpointData, name: "html", count: 3, after: 2},
		},
		"redirect:target=http://127.0.0.1:81;status=307": {
			{endpoint: EndpointData, name: "redirect", count: 1, settings: settings{status: 307, target: "http://127.0.0.1:81"}},
		},
		"rejected:mark=Ao/+a==": {
			{endpoint: EndpointData, name: "rejected", count: 1, settings: settings{status: 400}, mark: "Ao/+a=="},
		},
		"slow:delay=1m30s,stalled,oversized:size=64MiB,many": {
			{endpoint: EndpointData, name: "slow", count: 1, settings: settings{delay: 90 * time.Second}},
			{endpoint: EndpointData, name: "stalled", count: 1},
			{endpoint: EndpointData, name: "oversized", count: 1, settings: settings{size: 64 << 20}},
			{endpoint: EndpointData, name: "many", count: 1, settings: settings{size: 1_000_000}},
		},
		"notoken,badjson": {
			{endpoint: EndpointToken, name: "notoken", count: 1},
			{endpoint: EndpointData, name: "badjson", count: 1, settings: settings{where: "start"}},
		},
		"503:retry-after=Thu%2C 01 Jan 2026 00:00:05 GMT": {
			{endpoint: EndpointData, name: "status", count: 1, settings: settings{status: 503, retryAfter: "Thu, 01 Jan 2026 00:00:05 GMT"}},
		},
	} {
		list, err := parseFaults(text)
		require.NoError(t, err, text)
		var got []fault
		for _, f := range list {
			assert.Contains(t, text, f.text)
			f.text, f.effect = "", effect{} // functions can't be compared
			got = append(got, *f)
		}
		assert.Equal(t, want, got, text)
	}
}

func TestParseFaultsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"fire":                     `fault "fire": the fault "fire" is unknown, it must be an HTTP status or one of`,
		"503,,reset":               `fault "": it is empty`,
		"200":                      "the status is 200, it must be 400 to 599",
		"503*x":                    `"x" follows *, it must be a number, 1 or more, or forever`,
		"503*0":                    `"0" follows *`,
		"503@-1":                   `"-1" follows @`,
		"503@1@2":                  "@ is given twice",
		"disk/503":                 `the endpoint is "disk", it must be data or token`,
		"503:retry-after":          `the parameter "retry-after" must have the form name=value`,
		"503:retry-after=":         "the parameter retry-after is empty",
		"503:retry-after=+soon":    "it must be a duration such as +2s",
		"503:status=500":           "the parameter status is given twice",
		"503:delay=1s":             "it has no parameter delay",
		"503:colour=red":           `the parameter "colour" is unknown`,
		"slow:delay=1":             `the delay is "1", it must be a duration such as 500ms or 3s`,
		"slow:delay=1s;delay=2s":   "the parameter delay is given twice",
		"oversized:size=10XB":      `the size is "10XB", it must be a number such as 5000, 300MB or 64MiB`,
		"oversized:size=9999999GB": "the size is",
		"badjson:where=here":       `where is "here", it must be start, middle or end`,
		"redirect":                 "it must be a URL such as http://127.0.0.1:8080",
		"redirect:target=ftp://a":  "it must be a URL such as http://127.0.0.1:8080",
		"rejected:status=500":      "usually 400 or 422",
		"token/stuck":              "it can happen at the data endpoint only",
		"data/notoken":             "it can happen at the token endpoint only",
		"token/503:mark=x":         "requests to the token endpoint have no mark",
		"503:retry-after=%zz":      "a percent sign is written %25",
	} {
		_, err := parseFaults(text)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestEveryFaultCanBeParsed(t *testing.T) {
	for name := range effects {
		text := name
		switch name {
		case "status":
			text = "status:status=500"
		case "redirect":
			text += ":target=https://example.com"
		}
		list, err := parseFaults(text)
		require.NoError(t, err, text)
		assert.Equal(t, name, list[0].name)
	}
}

func FuzzParseFaults(f *testing.F) {
	for _, seed := range []string{
		"", "503*3,429:retry-after=2,reset@10", "token/401*forever", "redirect:target=http://127.0.0.1:8081;status=307",
		"429:retry-after=+5s,stalled:delay=3s,badjson:where=middle,oversized:size=300MB", "rejected:mark=%2C%3B%25 ;status=422",
		"status:status=404", "many:size=1GiB*2", "slow@1*2:delay=-1s", "503:retry-after=Thu%2C 01 Jan",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseFaults(text)
		if err != nil {
			require.Nil(t, list)
			require.NotEmpty(t, err.Error())
			return
		}
		for _, f := range list {
			again, err := parseFault(f.text)
			require.NoError(t, err, "%q", f.text)
			require.Equal(t, f.settings, again.settings)
		}
	})
}

func FuzzMark(f *testing.F) {
	m := newMarker(DefaultDataCollectionID)
	for _, seed := range []string{"", "*", "garbage", m.mark(position{1, 2}, 0), m.mark(startPosition, 3)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, mark string) {
		p, err := m.position(mark)
		if err == nil {
			require.Equal(t, mark, m.mark(p, m.salt(mark)), "each mark has one form")
		}
	})
}

func TestReadmeListsEveryFault(t *testing.T) {
	readme, err := os.ReadFile("../../../docs/simulator.md")
	require.NoError(t, err)
	for name := range effects {
		if name != "status" { // written as a number
			assert.Contains(t, string(readme), "| `"+name+"` |")
		}
	}
}
