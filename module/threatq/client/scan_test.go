// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var scanTable = map[string]struct {
	body  string
	elems []string
	total int64
	next  string
	err   string
}{
	"plain":                {`{"total":2,"data":[{"id":1},{"id":2}],"nextCursorMark":"a"}`, []string{`{"id":1}`, `{"id":2}`}, 2, "a", ""},
	"another order":        {`{"nextCursorMark":"a","data":[{}],"total":2}`, []string{`{}`}, 2, "a", ""},
	"white space":          {" \r\n\t{ \"data\" : [ { } , { } ] , \"nextCursorMark\" : \"a\" } \n", []string{`{ }`, `{ }`}, -1, "a", ""},
	"byte order mark":      {"\ufeff{\"data\":[1]}", []string{"1"}, -1, "", ""},
	"unknown keys":         {`{"limit":9,"x":{"data":[7]},"data":[{}],"y":[[]],"z":null}`, []string{`{}`}, -1, "", ""},
	"repeated keys":        {`{"data":[1],"total":1,"nextCursorMark":"a","data":[2],"total":2,"nextCursorMark":"b"}`, []string{"1", "2"}, 2, "b", ""},
	"escaped keys":         {`{"d\u0061ta":[1]}`, []string{"1"}, -1, "", ""},
	"empty":                {`{"total":0,"data":[],"nextCursorMark":"*"}`, []string{}, 0, "*", ""},
	"data null":            {`{"data":null}`, []string{}, -1, "", ""},
	"data missing":         {`{"nextCursorMark":"a"}`, []string{}, -1, "a", ""},
	"only a total":         {`{"total":5}`, []string{}, 5, "", ""},
	"data an object":       {`{"data":{"0":{"id":1},"7":{"id":2}}}`, []string{`{"id":1}`, `{"id":2}`}, -1, "", ""},
	"data an empty one":    {`{"data":{}}`, []string{}, -1, "", ""},
	"elements of any kind": {`{"data":[null,1,"a",[],{}]}`, []string{"null", "1", `"a"`, "[]", "{}"}, -1, "", ""},
	"total a string":       {`{"total":"4090","data":[]}`, []string{}, 4090, "", ""},
	"total with blanks":    {`{"total":" 4090 ","data":[]}`, []string{}, 4090, "", ""},
	"total a float":        {`{"total":4.09e3,"data":[]}`, []string{}, 4090, "", ""},
	"total negative":       {`{"total":-3,"data":[]}`, []string{}, -1, "", ""},
	"total too large":      {`{"total":1e300,"data":[]}`, []string{}, -1, "", ""},
	"total an object":      {`{"total":{"value":4090},"data":[]}`, []string{}, -1, "", ""},
	"total null":           {`{"total":null,"data":[]}`, []string{}, -1, "", ""},
	"mark null":            {`{"data":[],"nextCursorMark":null}`, []string{}, -1, "", ""},
	"mark a number":        {`{"data":[],"nextCursorMark":12345678901234567890}`, []string{}, -1, "12345678901234567890", ""},
	"mark an object":       {`{"data":[],"nextCursorMark":{"a":1}}`, []string{}, -1, "", ""},
	"mark escaped":         {`{"data":[],"nextCursorMark":"a\/b\u002b\"="}`, []string{}, -1, `a/b+"=`, ""},
	"mark not UTF-8":       {"{\"data\":[],\"nextCursorMark\":\"a\xff\"}", []string{}, -1, "a\ufffd", ""},
	"not UTF-8 elsewhere":  {"{\"data\":[{\"value\":\"\xff\xfe\"}]}", []string{"{\"value\":\"\xff\xfe\"}"}, -1, "", ""},
	"keys that collide":    {`{"data":[{"a":1,"a":2,"a.b":3}]}`, []string{`{"a":1,"a":2,"a.b":3}`}, -1, "", ""},
	"numbers out of range": {`{"data":[{"id":1e999999,"score":99999999999999999999}]}`, []string{`{"id":1e999999,"score":99999999999999999999}`}, -1, "", ""},

	"nothing":             {``, nil, -1, "", "not valid JSON from byte 0 on"},
	"cut off":             {`{"data":[{"id":1}`, nil, -1, "", "not valid JSON from byte 17 on"},
	"cut off in a string": {`{"data":[{"id":"1`, nil, -1, "", "not valid JSON from byte 17 on"},
	"wrong in a value":    {`{"data":[{"id":1},{"id":1.}]}`, nil, -1, "", "not valid JSON from byte 26 on"},
	"comma too many":      {`{"data":[1,]}`, nil, -1, "", "not valid JSON from byte 11 on"},
	"something behind":    {`{"data":[]} x`, nil, -1, "", "not valid JSON from byte 12 on"},
	"another behind":      {`{"data":[]}{"data":[]}`, nil, -1, "", "not valid JSON from byte 11 on"},
	"an array":            {`[{"id":1}]`, nil, -1, "", "the answer is JSON, but not a page of indicators"},
	"a string":            {`"data"`, nil, -1, "", "the answer is JSON, but not a page of indicators"},
	"an error":            {`{"errors":["x"]}`, nil, -1, "", "the answer is JSON, but not a page of indicators"},
	"data a string":       {`{"data":""}`, nil, -1, "", `the answer is JSON, but its "data" is no list of indicators`},
}

func TestScan(t *testing.T) {
	for name, test := range scanTable {
		t.Run(name, func(t *testing.T) {
			env, err := scan(nil, []byte(test.body), nil)
			if test.err != "" {
				require.EqualError(t, err, test.err)
				require.Empty(t, env.elems)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.elems, texts(&Page{Indicators: env.elems}))
			assert.Equal(t, test.total, env.total)
			assert.Equal(t, test.next, env.next)
		})
	}
}

// What scan accepts, scanDamaged reads in the same way.
func TestSalvageAgrees(t *testing.T) {
	for name, test := range scanTable {
		// Escaped keys are beyond scanDamaged.
		if test.err == "" && name != "escaped keys" {
			env, whole := scanDamaged([]byte(test.body), nil)
			assert.True(t, whole, name)
			assert.Equal(t, test.elems, texts(&Page{Indicators: env.elems}), name)
			assert.Equal(t, test.total, env.total, name)
			assert.Equal(t, test.next, env.next, name)
		}
	}
}

// A page that is cut anywhere is never taken for whole, and every indicator
// before the cut is found.
func TestCutAnywhere(t *testing.T) {
	body := `{"total": 3, "data": [{"id": 1, "value": "}],{"}, {"id": 2, "a": [{"b": "\\\""}]}, {"id": 3}], "nextCursorMark": "AoE/=="}`
	full, err := scan(nil, []byte(body), nil)
	require.NoError(t, err)
	for n := range len(body) {
		cut := []byte(body[:n])
		_, err := scan(nil, cut, nil)
		require.Error(t, err, "%s", cut)
		env, whole := scanDamaged(cut, nil)
		require.False(t, whole, "%s", cut)
		want := 0
		for _, raw := range full.elems {
			if strings.Index(body, string(raw))+len(raw) <= n {
				want++
			}
		}
		require.Len(t, env.elems, want, "%s", cut)
		for i, raw := range env.elems {
			require.Equal(t, string(full.elems[i]), string(raw))
		}
	}
}

// The elements are slices of the body, and the given memory is used again.
func TestScanCopiesNothing(t *testing.T) {
	body := []byte(`{"data":[{"id":1},{"id":2}]}`)
	env, err := scan(nil, body, make([][]byte, 7, 16))
	require.NoError(t, err)
	require.Len(t, env.elems, 2)
	assert.Equal(t, 16, cap(env.elems))
	body[bytes.IndexByte(body, '1')] = '9'
	assert.Equal(t, `{"id":9}`, string(env.elems[0]))
	assert.Equal(t, len(env.elems[0]), cap(env.elems[0]), "appending to an element must not reach the next")
}

func FuzzScan(f *testing.F) {
	for _, test := range scanTable {
		f.Add([]byte(test.body))
	}
	f.Add([]byte(`{"data":` + strings.Repeat(`[`, 11000)))
	f.Add([]byte(`{"data":` + strings.Repeat(`{"data":`, 300)))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		env, err := scan(nil, body, nil)
		saved, whole := scanDamaged(body, nil)
		require.Equal(t, before, body, "the body must not change")
		for _, list := range [][][]byte{env.elems, saved.elems} {
			for _, raw := range list {
				require.NotEmpty(t, raw)
			}
		}
		require.LessOrEqual(t, len(env.next), maxMark)
		require.LessOrEqual(t, len(saved.next), 3*maxMark)
		if err != nil {
			require.Empty(t, env.elems)
			return
		}
		require.GreaterOrEqual(t, env.total, int64(-1))
		for _, raw := range env.elems {
			require.True(t, valid(raw), "%q", raw)
		}
		// Without escaped keys, both find the same.
		if !bytes.Contains(body, []byte(`\`)) {
			require.True(t, whole)
			require.Equal(t, texts(&Page{Indicators: env.elems}), texts(&Page{Indicators: saved.elems}))
		}
		// Any other decoder agrees on what is JSON, but for the depth.
		var other map[string]json.RawMessage
		if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &other) != nil {
			require.True(t, bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) >= 10_000, "%q", body)
		}
	})
}

// benchPage is a page of n indicators of about 1.6 kB.
func benchPage(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"total":200000,"data":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"type_id":10,"status_id":1,"class":"network","hash":"1aee2bb8bb4cbd1e7a6d4c1ee8ad5a5a","value":"198.51.100.%d",`+
			`"last_detected_at":null,"expires_at":null,"expired_at":null,"expires_needs_calc":"N","expires_calculated_at":"2020-10-15 14:40:03",`+
			`"created_at":"2020-09-11 14:35:51","updated_at":"2020-10-15 14:36:00","touched_at":"2020-10-15 14:36:00","adversaries":[],"attributes":[`, i, i%256)
		for j := range 6 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":%d,"indicator_id":%d,"attribute_id":%d,"name":"Description %d","value":"Malicious Host \u00e9 \"quoted\"",`+
				`"created_at":"2020-09-11 14:35:53","updated_at":"2020-10-15 14:36:00","touched_at":"2020-10-15 14:36:00"}`, i*6+j, i, j, j)
		}
		b.WriteString(`],"sources":[{"id":1,"name":"Example Feed","tlp_name":"AMBER","published_at":"2020-09-11 14:35:53"}],` +
			`"status":{"id":1,"name":"Active","description":"Poses a threat"},"type":{"id":10,"name":"IP Address"}}`)
	}
	b.WriteString(`],"nextCursorMark":"AoE/BmFiYw=="}`)
	return b.Bytes()
}

func BenchmarkScan(b *testing.B) {
	body := benchPage(1000)
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		var elems [][]byte
		for b.Loop() {
			env, err := scan(nil, body, elems)
			if err != nil || len(env.elems) != 1000 {
				b.Fatal(err, len(env.elems))
			}
			elems = env.elems
		}
	})
	b.Run("damaged", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if env, whole := scanDamaged(body, nil); !whole || len(env.elems) != 1000 {
				b.Fatal(len(env.elems))
			}
		}
	})
	// For comparison. jsontext only validates here.
	b.Run("jsontext", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				b.Fatal()
			}
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var page struct {
				Data []json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal(body, &page); err != nil || len(page.Data) != 1000 {
				b.Fatal(err)
			}
		}
	})
}
