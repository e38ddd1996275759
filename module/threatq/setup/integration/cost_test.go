// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// bulk sends a bulk request whose body is text. It fails no test.
func (c *cluster) bulk(index, body string) (int, []byte, error) {
	request, err := http.NewRequest("POST", c.url+"/"+index+"/_bulk?filter_path=errors,items.*.error", strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	c.auth(request)
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(response.Body)
	return response.StatusCode, answer.Bytes(), err
}

// cpu returns the CPU time that Elasticsearch has taken, in microseconds.
func (c *cluster) cpu() float64 {
	total := 0.0
	for _, node := range get(c.must("GET", "/_nodes/stats/process", nil), "nodes").(object) {
		total += get(node, "process", "cpu", "total_in_millis").(float64) * 1000
	}
	return total
}

// What a document costs Elasticsearch, without the transform. The figures are those of
// docs/performance.md; what is asserted are proportions that hold on any machine.
func TestCostPerDocument(t *testing.T) {
	c := connect(t)
	c.reset()
	c.setup(c.beat(nil))
	const indicators, size, rounds = 20000, 1000, 5
	dir := beattest.NewDir(t)
	output, code := dir.Run("demo", "--indicators", "20000", "--output", dir.File("events.ndjson"))
	require.Zero(t, code, output)
	data, err := os.ReadFile(dir.File("events.ndjson"))
	require.NoError(t, err)
	var bulks []string
	for chunk := range slices.Chunk(strings.Split(strings.TrimSpace(string(data)), "\n"), size) {
		bulks = append(bulks, `{"create":{}}`+"\n"+strings.Join(chunk, "\n"+`{"create":{}}`+"\n")+"\n")
	}

	template := c.must("GET", "/_index_template/"+assets.TemplateName, nil)
	body := get(template["index_templates"].([]any)[0], "index_template", "template").(object)
	index := get(body, "settings", "index").(object)
	delete(index, "lifecycle")
	index["number_of_replicas"] = "0"
	plain := object{}
	for k, v := range index {
		plain[k] = v
	}
	plain["codec"] = "default"
	variants := map[string]object{
		"as installed":      {"mappings": body["mappings"], "settings": object{"index": index}},
		"the default codec": {"mappings": body["mappings"], "settings": object{"index": plain}},
		"no mapping":        {"settings": object{"index": object{"number_of_replicas": "0", "mapping.total_fields.limit": 2000}}},
	}
	const name = "threatqbeat-integration-cost"
	c.try("DELETE", "/"+name, nil)
	t.Cleanup(func() { c.try("DELETE", "/"+name, nil) })
	size1, cpu := map[string]float64{}, map[string][]float64{}
	for round := range rounds + 1 {
		for variant, index := range variants {
			c.must("PUT", "/"+name, index)
			before := c.cpu()
			for _, b := range bulks {
				status, answer, err := c.bulk(name, b)
				require.NoError(t, err)
				require.Equal(t, 200, status)
				require.JSONEq(t, `{"errors":false}`, string(answer))
			}
			c.must("POST", "/"+name+"/_refresh", nil)
			if round > 0 { // the first one warms up
				cpu[variant] = append(cpu[variant], (c.cpu()-before)/indicators)
			}
			c.must("POST", "/"+name+"/_forcemerge?max_num_segments=1", nil)
			c.must("POST", "/"+name+"/_flush?force=true", nil)
			stats := c.must("GET", "/"+name+"/_stats/store", nil)
			size1[variant] = get(stats, "_all", "primaries", "store", "size_in_bytes").(float64) / indicators
			c.must("DELETE", "/"+name, nil)
		}
	}
	for variant := range variants {
		slices.Sort(cpu[variant])
		t.Logf("%-18s %4.0f bytes, %3.0f µs of CPU per document (from %.0f to %.0f)", variant, size1[variant],
			cpu[variant][rounds/2], cpu[variant][0], cpu[variant][rounds-1])
	}
	assert.Less(t, size1["as installed"], 0.8*size1["the default codec"])
}
