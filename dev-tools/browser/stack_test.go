// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	root  = "../.."
	alias = "logs-ti_threatq_latest.threat"
)

type object = map[string]any

// stack is the Elasticsearch and Kibana of the environment, and a threatqbeat built from this tree.
type stack struct {
	t                     *testing.T
	elasticsearch, kibana string
	user, password        string
	home                  string
}

func connect(t *testing.T) *stack {
	t.Helper()
	s := &stack{
		t:             t,
		elasticsearch: strings.TrimSuffix(os.Getenv("ELASTICSEARCH_URL"), "/"),
		kibana:        strings.TrimSuffix(os.Getenv("KIBANA_URL"), "/"),
		user:          os.Getenv("ELASTICSEARCH_USERNAME"),
		password:      os.Getenv("ELASTICSEARCH_PASSWORD"),
		home:          t.TempDir(),
	}
	if s.kibana == "" || s.elasticsearch == "" {
		t.Skip("KIBANA_URL and ELASTICSEARCH_URL are not set")
	}
	for _, part := range []string{"/_data_stream/logs-ti_threatq.threat-*", "/_alias/" + alias} {
		status, answer := s.try("GET", s.elasticsearch+part, nil)
		if list, ok := answer["data_streams"].([]any); status == http.StatusOK && (!ok || len(list) > 0) {
			t.Fatalf("this cluster has data of threatqbeat that the tests would delete (%s): give them another one", part)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(s.home, "threatqbeat"), ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building threatqbeat: %v\n%s", err, out)
	}
	t.Cleanup(s.remove)
	return s
}

// try sends a request to Elasticsearch or Kibana.
func (s *stack) try(method, url string, body any) (int, object) {
	s.t.Helper()
	var content io.Reader
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		content, contentType = bytes.NewReader(b), "application/zip"
	default:
		data, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequest(method, url, content)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("kbn-xsrf", "threatqbeat")
	request.SetBasicAuth(s.user, s.password)
	response, err := (&http.Client{Timeout: 2 * time.Minute}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer object
	_ = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer
}

func (s *stack) must(method, url string, body any) object {
	s.t.Helper()
	status, answer := s.try(method, url, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: %d %v", method, url, status, answer)
	}
	return answer
}

// eventually waits until the condition holds.
func (s *stack) eventually(what string, limit time.Duration, condition func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// start starts threatqbeat until the test ends or stop is called.
func (s *stack) start(args ...string) (output io.Reader, stop func()) {
	s.t.Helper()
	cmd := exec.Command("./threatqbeat", args...)
	cmd.Dir = s.home
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}
	s.t.Cleanup(stop)
	return out, stop
}

var listens = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// collect sets up, and collects n indicators of a simulated appliance. It returns how many are active.
func (s *stack) collect(n int) int {
	s.t.Helper()
	out, _ := s.start("simulate", "--address", "127.0.0.1:0", "--indicators", fmt.Sprint(n))
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		s.t.Fatal("simulate printed nothing")
	}
	settings := object{
		"threatqbeat.inputs": []any{object{
			"type": "threatq", "id": "browser", "url": listens.FindString(lines.Text()), "data_collection_id": "0123456789abcdef",
			"auth.oauth2": object{"client.id": "threatqbeat", "client.secret": "simulated-secret"}, "interval": "1s",
		}},
		"output.elasticsearch":       object{"hosts": []string{s.elasticsearch}, "username": s.user, "password": s.password},
		"setup.kibana.host":          s.kibana,
		"setup.transforms.frequency": "1s", "setup.transforms.sync_delay": "5s",
		"queue.mem.flush.timeout": "1s",
	}
	data, err := json.Marshal(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.home, "threatqbeat.yml"), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
	setup := exec.Command("./threatqbeat", "setup")
	setup.Dir = s.home
	if out, err := setup.CombinedOutput(); err != nil {
		s.t.Fatalf("setup: %v\n%s", err, out)
	}
	_, stop := s.start("run")
	count := func(index string) int {
		_, answer := s.try("GET", s.elasticsearch+"/"+index+"/_count", nil)
		n, _ := answer["count"].(float64)
		return int(n)
	}
	s.eventually("all are collected", 3*time.Minute, func() bool { return count("logs-ti_threatq.threat-default") >= n })
	stop()
	// Half of them, more or less, have not expired. The transform brings them page by page.
	active, since := 0, time.Now()
	s.eventually("the active ones are there", 3*time.Minute, func() bool {
		if now := count(alias); now != active {
			active, since = now, time.Now()
		}
		return active > n/4 && time.Since(since) > 10*time.Second
	})
	return active
}

// remove removes what the tests made.
func (s *stack) remove() {
	answer := s.must("GET", s.elasticsearch+"/_transform/logs-*threatq.latest_ioc-default-*?allow_no_match=true", nil)
	transforms, _ := answer["transforms"].([]any)
	for _, t := range transforms {
		id := t.(object)["id"].(string)
		s.try("POST", s.elasticsearch+"/_transform/"+id+"/_stop?wait_for_completion=true&force=true&timeout=30s", nil)
		s.try("DELETE", s.elasticsearch+"/_transform/"+id, nil)
	}
	_, indices := s.try("GET", s.elasticsearch+"/logs-ti_threatq_latest.dest_threat-*/_alias", nil)
	for index := range indices {
		s.try("DELETE", s.elasticsearch+"/"+index, nil)
	}
	for _, path := range []string{
		"_data_stream/logs-ti_threatq.threat-*", "_index_template/logs-ti_threatq.threat", "_index_template/logs-ti_threatq_latest.dest_threat",
		"_component_template/logs-ti_threatq.threat@custom", "_ingest/pipeline/logs-ti_threatq.threat",
		"_ilm/policy/logs-ti_threatq.threat-default_policy",
	} {
		s.try("DELETE", s.elasticsearch+"/"+path, nil)
	}
}
