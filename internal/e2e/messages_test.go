// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/sarama"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// settings are of an input or of the whole file.
type settings = map[string]any

// provoke has threatqbeat say a message, and returns what it said.
type provoke func(t *testing.T, message string) string

// messages are those of docs/troubleshooting.md.
var messages = map[string]provoke{
	"there is no configuration file threatqbeat.yml in": func(t *testing.T, _ string) string {
		return fails(t, beattest.NewDir(t))
	},
	`unknown setting "interal" in input "threatq-default": did you mean "interval"?`:              refused(settings{"interal": "5s"}, nil),
	"refers to ${THREATQ_CLIENT_SECRET}, which is neither in the keystore nor in the environment": refused(settings{"auth.oauth2.client.secret": "${THREATQ_CLIENT_SECRET}"}, nil),
	"no outputs are defined": refused(nil, settings{"output": nil}),
	"no input is configured": refused(nil, settings{"threatqbeat.inputs": nil}),
	`data_collection_id is "1.2345e+20", which can't be the hash of a data collection`:           refused(settings{"data_collection_id": 123450000000000000000.0}, nil),
	"auth.oauth2.client.secret can't be read: it must be the secret of an API client of ThreatQ": refused(settings{"auth.oauth2.client.secret": []string{"a", "b"}}, nil),
	"data path already locked by another beat": func(t *testing.T, _ string) string {
		dir := configured(t, nil, nil)
		beat := dir.Start("run")
		beat.Eventually("the lock", func() bool { return logged(dir.Logs(), "threatqbeat start running.", "info") })
		return fails(t, dir)
	},
	"must be owned by the user identifier": func(t *testing.T, _ string) string {
		if os.Getuid() != 0 {
			t.Skip("only root can give a file to another user")
		}
		return strictly(t, func(file string) error { return os.Chown(file, 1, -1) })
	},
	"can only be writable by the owner": func(t *testing.T, _ string) string {
		return strictly(t, func(file string) error { return os.Chmod(file, 0o666) })
	},

	"refuses the client's id or secret":   cycle("token/401*1000", nil),
	"may not read it (403)":               cycle("403*1000", nil),
	"knows no such data collection (404)": cycle("404*1000", nil),
	"too many requests (429)":             cycle("429*1000", nil),
	"the appliance's certificate": func(t *testing.T, message string) string {
		return says(t, message, configured(t, settings{"url": startUntrusted(t)}, nil))
	},
	"refuses the connection": func(t *testing.T, message string) string {
		return says(t, message, configured(t, settings{"url": "http://" + freeAddress(t)}, nil))
	},
	// No name has a part of 64 letters, so that no DNS server is asked.
	"not known to the DNS server":         cycle("", settings{"url": "https://" + strings.Repeat("a", 64) + ".example.com"}),
	"gives no answer within":              cycle("hang*1000", settings{"request.timeout": "1s"}),
	"an HTML or XML page instead of JSON": cycle("html*1000", nil),
	"answers there, and not ThreatQ": func(t *testing.T, message string) string {
		kibana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Kbn-Name", "kibana.example.com")
			http.Error(w, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`, http.StatusNotFound)
		}))
		t.Cleanup(kibana.Close)
		return says(t, message, configured(t, settings{"url": kibana.URL}, nil))
	},
	"larger than request.max_body_size": cycle("oversized*1000:size=2MB", settings{"request.max_body_size": "1MiB"}),
	"rejects the cursor mark":           cycle("rejected*1000@1", settings{"page_size": 5}),

	"Failed to connect to backoff(elasticsearch": func(t *testing.T, message string) string {
		es := startElasticsearch(t)
		es.Close()
		return ships(t, message, es)
	},
	"Failed to connect to kafka(": func(t *testing.T, message string) string {
		return says(t, message, configured(t, nil, kafkaAt(freeAddress(t))))
	},
	"Kafka takes no indicators for now": func(t *testing.T, message string) string {
		b := startBroker(t)
		b.answer("LogAppendTime", sarama.NewMockProduceResponse(t).SetError(kafkaTopic, 0, sarama.ErrTopicAuthorizationFailed))
		return says(t, message, configured(t, nil, kafkaAt(b.Addr())))
	},
	"security_exception: action [indices:":                indexing(clusterRefusals["no privilege"]),
	"which are held and sent again until it accepts them": indexing(clusterRefusals["write block"]),
	"for the content: ":                                   indexing(mappingConflict),
	"document_parsing_exception":                          indexing(mappingConflict),
	// As Elasticsearch 8.7 and earlier call it.
	"mapper_parsing_exception": indexing(refusal(mappingConflict.Status, "mapper_parsing_exception", "failed to parse field [threatq.id] of type [long]")),
}

// The messages that docs/troubleshooting.md quotes are those that threatqbeat has.
func TestMessagesOfTheTroubleshootingPage(t *testing.T) {
	t.Parallel()
	root, err := beattest.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "troubleshooting.md"))
	require.NoError(t, err)
	quoted := map[string]bool{}
	in := false
	for line := range strings.Lines(string(text)) {
		in = strings.HasPrefix(line, "| message contains |") || in && strings.HasPrefix(line, "|")
		if !in {
			continue
		}
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(line, " | ")[0], -1) {
			quoted[code[1]] = true
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(messages)), slices.Collect(maps.Keys(quoted)))
	for n, message := range slices.Sorted(maps.Keys(messages)) {
		// A message in the test's name would be in its directory's, which is logged.
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, messages[message](t, message), message)
		})
	}
}

// configured returns the home of a threatqbeat that would work without the settings of
// its input and of its file.
func configured(t *testing.T, input, file settings) *beattest.Dir {
	sim := startAppliance(t, tidy(20))
	in := settings{"request.retry.max_attempts": 1}
	maps.Copy(in, input)
	all := settings{"threatqbeat.inputs": []any{sim.input("threatq-default", in)}}
	maps.Copy(all, file)
	dir := beattest.NewDir(t)
	dir.Configure(all)
	return dir
}

// fails returns what run says when it refuses to start.
func fails(t *testing.T, dir *beattest.Dir) string {
	output, code := dir.Run("run")
	assert.Equal(t, 1, code, output)
	return output
}

func refused(input, file settings) provoke {
	return func(t *testing.T, _ string) string { return fails(t, configured(t, input, file)) }
}

// strictly returns what is said of a file that others may change.
func strictly(t *testing.T, change func(file string) error) string {
	dir := configured(t, nil, nil)
	require.NoError(t, change(dir.File("threatqbeat.yml")))
	output, err := exec.Command(beattest.Binary(t), "run", "--path.home", dir.Path).CombinedOutput()
	assert.Error(t, err)
	return string(output)
}

// says returns the log, once it holds the message.
func says(t *testing.T, message string, dir *beattest.Dir) string {
	beat := dir.Start("run")
	beat.Eventually(message, func() bool { return strings.Contains(texts(dir.Logs()), message) })
	beat.Stop()
	return texts(dir.Logs())
}

// cycle is a cycle that fails because of faults of the appliance or of settings.
func cycle(faults string, input settings) provoke {
	return func(t *testing.T, message string) string {
		sim := startAppliance(t, tidy(20))
		require.NoError(t, sim.Inject(faults))
		in := settings{"url": sim.URL}
		maps.Copy(in, input)
		return says(t, message, configured(t, in, nil))
	}
}

// ships has a threatqbeat ship to an Elasticsearch.
func ships(t *testing.T, message string, es *elasticsearch) string {
	return says(t, message, configured(t, nil, es.output(settings{"backoff": settings{"init": "100ms", "max": "200ms"}})))
}

// indexing is an Elasticsearch that refuses every document.
func indexing(answer *verdict) provoke {
	return func(t *testing.T, message string) string {
		es := startElasticsearch(t)
		es.refuse = func(beattest.Event) *verdict { return answer }
		return ships(t, message, es)
	}
}
