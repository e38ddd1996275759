// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/logp/logptest"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// marker is the component template that tells a cluster whose assets these
// tests made. It is there while they run.
const marker = "threatqbeat-integration-test"

// patience bounds a wait for something that the transform or ILM does.
const patience = 90 * time.Second

// object is a JSON object.
type object = map[string]any

// cluster is the Elasticsearch that the environment names.
type cluster struct {
	t    *testing.T
	url  string
	http *http.Client
	auth func(*http.Request)
	// settings are those under output.elasticsearch.
	settings object
}

func connect(t *testing.T) *cluster {
	t.Helper()
	url := strings.TrimSuffix(os.Getenv("ELASTICSEARCH_URL"), "/")
	require.NotEmpty(t, url, "ELASTICSEARCH_URL must name the Elasticsearch to test with")
	c := &cluster{t: t, url: url, auth: func(*http.Request) {}, settings: object{"hosts": []string{url}}}

	transport := http.DefaultTransport.(*http.Transport).Clone()
	if ca := os.Getenv("ELASTICSEARCH_CA"); ca != "" {
		pem, err := os.ReadFile(ca)
		require.NoError(t, err, "reading ELASTICSEARCH_CA")
		pool := x509.NewCertPool()
		require.True(t, pool.AppendCertsFromPEM(pem), "ELASTICSEARCH_CA holds no certificate")
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		c.settings["ssl.certificate_authorities"] = []string{ca}
	}
	c.http = &http.Client{Transport: transport, Timeout: time.Minute}

	if key := os.Getenv("ELASTICSEARCH_API_KEY"); key != "" {
		c.settings["api_key"] = key
		header := "ApiKey " + base64.StdEncoding.EncodeToString([]byte(key))
		c.auth = func(r *http.Request) { r.Header.Set("Authorization", header) }
	} else if user := os.Getenv("ELASTICSEARCH_USERNAME"); user != "" {
		password := os.Getenv("ELASTICSEARCH_PASSWORD")
		c.settings["username"], c.settings["password"] = user, password
		c.auth = func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	return c
}

// try sends a request and returns the status and the answer.
func (c *cluster) try(method, path string, body any) (int, object) {
	status, answer, err := c.send(c.url, method, path, body)
	require.NoError(c.t, err)
	return status, answer
}

// send fails no test, so that it can be called from any goroutine.
func (c *cluster) send(base, method, path string, body any) (int, object, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequest(method, base+path, content)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("kbn-xsrf", "threatqbeat")
	if strings.HasPrefix(path, "/internal/") {
		request.Header.Set("elastic-api-version", "1") // Kibana wants it for what is not public
	}
	c.auth(request)
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	var answer object
	if len(data) > 0 && json.Unmarshal(data, &answer) != nil {
		answer = object{"text": string(data)}
	}
	return response.StatusCode, answer, nil
}

// raw sends a request whose body is text, and returns the status and the answer.
func (c *cluster) raw(method, path, body string) (int, object) {
	if body == "" {
		return c.try(method, path, nil)
	}
	return c.try(method, path, json.RawMessage(body))
}

// must sends a request and wants it to succeed.
func (c *cluster) must(method, path string, body any) object {
	c.t.Helper()
	status, answer := c.try(method, path, body)
	require.Less(c.t, status, 300, "%s %s: %v", method, path, answer)
	return answer
}

// get returns the value at a path of keys.
func get(value any, keys ...string) any {
	for _, key := range keys {
		o, _ := value.(object)
		value = o[key]
	}
	return value
}

// reset removes every asset and all data of threatqbeat, now and at the end.
func (c *cluster) reset() {
	c.t.Helper()
	if status, _ := c.try("GET", "/_component_template/"+marker, nil); status == http.StatusNotFound {
		_, streams := c.try("GET", "/_data_stream/"+assets.DataStreams, nil)
		_, indices := c.try("GET", "/"+assets.DestIndexPrefix+"*/_alias", nil)
		found, _ := streams["data_streams"].([]any)
		require.True(c.t, len(found) == 0 && len(indices) == 0,
			"this cluster has data of threatqbeat that the tests would delete: give them another one")
	}
	c.must("PUT", "/_component_template/"+marker, object{"template": object{}})
	c.remove()
	c.t.Cleanup(func() {
		c.remove()
		c.must("DELETE", "/_component_template/"+marker, nil)
	})
}

// remove follows "Removing it all" of docs/elasticsearch.md.
func (c *cluster) remove() {
	_, answer := c.try("GET", "/_transform/"+assets.TransformPrefix+"*", nil)
	transforms, _ := answer["transforms"].([]any)
	for _, t := range transforms {
		id := get(t, "id").(string)
		c.try("POST", "/_transform/"+id+"/_stop?wait_for_completion=true&force=true&timeout=30s", nil)
		c.must("DELETE", "/_transform/"+id+"?force=true", nil)
	}
	_, indices := c.try("GET", "/"+assets.DestIndexPrefix+"*/_alias", nil)
	for index := range indices {
		c.must("DELETE", "/"+index, nil)
	}
	c.must("DELETE", "/_data_stream/"+assets.DataStreams, nil)
	for _, path := range []string{
		"/_index_template/" + assets.TemplateName, "/_index_template/" + assets.DestTemplateName,
		"/_component_template/" + assets.CustomTemplateName, "/_ingest/pipeline/" + assets.PipelineName,
		"/_ilm/policy/" + assets.PolicyName,
	} {
		status, answer := c.try("DELETE", path, nil)
		require.Contains(c.t, []int{http.StatusOK, http.StatusNotFound}, status, "%s: %v", path, answer)
	}
}

// active returns the indicators behind the alias by threatq.id. It fails the
// test if one of them is there twice.
func (c *cluster) active() map[int]object {
	c.t.Helper()
	answer := c.must("POST", "/"+assets.Alias+"/_search", object{"size": 10000})
	found := map[int]object{}
	for _, hit := range get(answer, "hits", "hits").([]any) {
		source := get(hit, "_source").(object)
		id := int(get(source, "threatq", "id").(float64))
		require.NotContains(c.t, found, id, "indicator %d is there twice", id)
		found[id] = source
	}
	return found
}

// namespace returns the output's settings as the beat's configuration has them.
func (c *cluster) namespace() conf.Namespace {
	var ns conf.Namespace
	require.NoError(c.t, ns.Unpack(conf.MustNewConfigFrom(object{"elasticsearch": c.settings})))
	return ns
}

func (c *cluster) log() *logp.Logger { return logptest.NewTestingLogger(c.t, "") }

// in returns the cluster for a subtest.
func (c *cluster) in(t *testing.T) *cluster {
	sub := *c
	sub.t = t
	return &sub
}

// eventually waits until the condition holds.
func (c *cluster) eventually(what string, limit time.Duration, condition func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// beat returns the home of a beat that ships to the cluster. The transform looks
// every second for what arrived up to five seconds ago: the time that it may
// take until it can be searched.
func (c *cluster) beat(settings object, inputs ...any) *beattest.Dir {
	return c.beatAs(c.settings, settings, inputs...)
}

func (c *cluster) beatAs(output, settings object, inputs ...any) *beattest.Dir {
	c.t.Helper()
	dir := beattest.NewDir(c.t)
	all := object{
		"threatqbeat.inputs":          inputs,
		"output":                      object{"elasticsearch": output},
		"setup.transforms.frequency":  "1s",
		"setup.transforms.sync_delay": "5s",
	}
	for k, v := range settings {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	dir.Configure(all)
	return dir
}

// setup runs `threatqbeat setup` without Kibana and wants it to succeed.
func (c *cluster) setup(dir *beattest.Dir) string {
	c.t.Helper()
	output, code := dir.Run("setup", "--index-management", "--pipelines", "--transforms")
	require.Zero(c.t, code, output)
	return output
}

// date writes a time as ThreatQ does.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func path(format string, args ...any) string { return fmt.Sprintf(format, args...) }
