// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/sarama"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// kafkaTopic is the only topic of the brokers.
const kafkaTopic = "threatq-indicators"

// broker answers as a Kafka broker with one topic does.
type broker struct {
	*sarama.MockBroker
	t    *testing.T
	once sync.Once
}

// quietly lets a broker be talked to after the test's end.
type quietly struct{ *testing.T }

func (q quietly) Error(args ...any)                 { q.Log(args...) }
func (q quietly) Errorf(format string, args ...any) { q.Logf(format, args...) }

func startBroker(t *testing.T) *broker {
	return startBrokerAt(t, "127.0.0.1:0")
}

func startBrokerAt(t *testing.T, address string) *broker {
	b := &broker{MockBroker: sarama.NewMockBrokerAddr(quietly{t}, 1, address), t: t}
	t.Cleanup(b.stop)
	return b
}

// stop ends the broker, if it has not ended.
func (b *broker) stop() { b.once.Do(b.Close) }

// answer sets how the broker answers: the timestamps of its topic, and what it says
// to messages. Without an answer to messages it says nothing.
func (b *broker) answer(timestamps string, produce sarama.MockResponse) {
	responses := map[string]sarama.MockResponse{
		"ApiVersionsRequest": sarama.NewMockApiVersionsResponse(b.t).SetApiKeys([]sarama.ApiVersionsResponseKey{{ApiKey: 3, MaxVersion: 7}}),
		"MetadataRequest":    sarama.NewMockMetadataResponse(b.t).SetBroker(b.Addr(), 1).SetController(1).SetLeader(kafkaTopic, 0, 1),
		"DescribeConfigsRequest": sarama.NewMockWrapper(&sarama.DescribeConfigsResponse{Version: 2, Resources: []*sarama.ResourceResponse{{
			Type: sarama.TopicResource, Name: kafkaTopic, Configs: []*sarama.ConfigEntry{
				{Name: "cleanup.policy", Value: "delete"}, {Name: "retention.ms", Value: "604800000"}, {Name: "message.timestamp.type", Value: timestamps},
			},
		}}}),
	}
	if produce != nil {
		responses["ProduceRequest"] = produce
	}
	b.SetHandlerByMap(responses)
}

// configure returns a home with an input and Kafka as the output.
func (b *broker) configure(t *testing.T, sim *appliance) (dir *beattest.Dir, api string) {
	dir, api = beattest.NewDir(t), freeAddress(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", nil)},
		"output":             kafkaAt(b.Addr())["output"],
		"http":               endpointAt(api),
	})
	return dir, api
}

// kafkaAt is the setting of a Kafka as the output.
func kafkaAt(address string) settings {
	return settings{"output": settings{"kafka": settings{
		"hosts": []string{address}, "topic": kafkaTopic, "key": "%{[@metadata.indicator_key]}", "timeout": "2s",
		"backoff": settings{"init": "50ms", "max": "100ms"}, "metadata.retry.backoff": "50ms",
	}}}
}

// outputEvents returns what Libbeat has counted.
func outputEvents(api string) map[string]int {
	resp, err := http.Get("http://" + api + "/stats")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var stats struct {
		Libbeat struct {
			Output struct {
				Events map[string]int `json:"events"`
			} `json:"output"`
		} `json:"libbeat"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&stats)
	return stats.Libbeat.Output.Events
}

// What Kafka takes from no one for now is held: through a kill, until somebody has
// mended it, without a new start.
func TestKafkaRefusalsAreHeld(t *testing.T) {
	t.Parallel()
	const indicators = 300
	for name, refusal := range map[string]sarama.KError{
		"not authorized": sarama.ErrTopicAuthorizationFailed,
		"login failed":   sarama.ErrSASLAuthenticationFailed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			b.answer("LogAppendTime", sarama.NewMockProduceResponse(t).SetError(kafkaTopic, 0, refusal))
			dir, api := b.configure(t, startAppliance(t, tidy(indicators)))

			beat := dir.Start("run")
			beat.Eventually("several attempts", func() bool { return outputEvents(api)["failed"] >= 3*indicators })
			assert.Zero(t, outputEvents(api)["dropped"])
			assert.Zero(t, outputEvents(api)["acked"])
			assert.Contains(t, strings.Join(dir.LogMessages("error"), "\n"), "Kafka takes no indicators for now")
			beat.Eventually("health that says so", func() bool {
				resp, err := http.Get("http://" + api + "/")
				if err != nil {
					return false
				}
				defer resp.Body.Close()
				var root beattest.Event
				_ = json.NewDecoder(resp.Body).Decode(&root)
				return root.Get("health.status") == "degraded" && strings.Contains(fmt.Sprint(root.Get("health.reason")), "output.kafka: ")
			})
			beat.Kill()

			beat = dir.Start("run")
			beat.Eventually("another attempt", func() bool { return outputEvents(api)["failed"] > 0 })
			b.answer("LogAppendTime", sarama.NewMockProduceResponse(t))
			beat.Eventually("the arrival of everything", func() bool { return outputEvents(api)["acked"] == indicators })
			assert.Zero(t, outputEvents(api)["dropped"])
			assert.Equal(t, 0, outputEvents(api)["active"])
			beat.Stop()
		})
	}
}

// While the broker is gone nothing is acknowledged, not even what is collected one by
// one, of which Libbeat's output would lose each third or fourth. Once the broker is
// back everything arrives.
func TestKafkaGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	const indicators = 20
	b := startBroker(t)
	b.answer("LogAppendTime", sarama.NewMockProduceResponse(t))
	sim := startAppliance(t, tidy(indicators))
	dir, api := b.configure(t, sim)
	beat := dir.Start("run")
	beat.Eventually("a first collection", func() bool { return outputEvents(api)["acked"] == indicators })

	address := b.Addr()
	b.stop()
	sim.Touch(1)
	beat.Eventually("several attempts", func() bool { return outputEvents(api)["failed"] >= 5 })
	assert.Equal(t, indicators, outputEvents(api)["acked"])

	startBrokerAt(t, address).answer("LogAppendTime", sarama.NewMockProduceResponse(t))
	beat.Eventually("the arrival of the update", func() bool { return outputEvents(api)["acked"] == indicators+1 })
	beat.Stop()
}

// A topic that would delete indicators gets none, and the command that mends it is
// said, until it is mended.
func TestKafkaTopicThatLosesIndicatorsIsRefused(t *testing.T) {
	t.Parallel()
	const mend = "--alter --entity-type topics --entity-name " + kafkaTopic + " --add-config message.timestamp.type=LogAppendTime"
	b := startBroker(t)
	b.answer("CreateTime", sarama.NewMockProduceResponse(t))
	dir, api := b.configure(t, startAppliance(t, tidy(50)))
	dir.Env = []string{"NO_COLOR=1"}

	printed, code := dir.Run("test", "output")
	assert.Equal(t, 1, code)
	assert.Contains(t, printed, mend)

	beat := dir.Start("run")
	beat.Eventually("a refusal", func() bool { return strings.Contains(strings.Join(dir.LogMessages("error"), "\n"), mend) })
	assert.Zero(t, outputEvents(api)["total"])
	b.answer("LogAppendTime", sarama.NewMockProduceResponse(t))
	beat.Eventually("the arrival of everything", func() bool { return outputEvents(api)["acked"] == 50 })
	beat.Stop()

	printed, code = dir.Run("test", "output")
	assert.Zero(t, code)
	assert.Contains(t, printed, "topic "+kafkaTopic+"...")
	assert.NotContains(t, printed, "ERROR")
}

// A single message that Kafka never takes costs only itself; it is named and counted.
func TestKafkaRefusesAMessageForItsContent(t *testing.T) {
	t.Parallel()
	const indicators = 16
	b := startBroker(t)
	b.answer("LogAppendTime", sarama.NewMockProduceResponse(t))
	sim := startAppliance(t, tidy(indicators))
	var large int64
	for indicator := range sim.Expected() {
		large = indicator.ID
	}
	dir, api := b.configure(t, sim)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", map[string]any{"processors": []any{map[string]any{"add_fields": map[string]any{
			"when":   map[string]any{"or": []any{map[string]any{"equals": map[string]any{"threatq.id": large}}, map[string]any{"equals": map[string]any{"threatq.indicator_id": large}}}},
			"target": "labels", "fields": map[string]any{"large": strings.Repeat("x", 50_000)},
		}}}})},
		"output": map[string]any{"kafka": map[string]any{
			"hosts": []string{b.Addr()}, "topic": kafkaTopic, "key": "%{[@metadata.indicator_key]}", "max_message_bytes": 20_000,
		}},
		"http": endpointAt(api),
	})

	beat := dir.Start("run")
	beat.Eventually("the arrival of all others", func() bool { return outputEvents(api)["acked"] == indicators-1 })
	assert.Equal(t, 1, outputEvents(api)["dropped"])
	assert.Equal(t, indicators, outputEvents(api)["total"])
	assert.Equal(t, 0, outputEvents(api)["active"])
	beat.Stop()
	assert.Equal(t, 1, strings.Count(strings.Join(dir.LogMessages("error"), "\n"), "refused 1 document for the content"))
}

// A shutdown while the broker says nothing ends in time and without a panic.
func TestShutdownWhileKafkaIsStuck(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.answer("LogAppendTime", nil)
	dir, api := b.configure(t, startAppliance(t, tidy(20_000)))
	beat := dir.Start("run")
	beat.Eventually("messages on their way", func() bool { return outputEvents(api)["active"] > 0 })
	started := time.Now()
	beat.Stop()
	assert.Less(t, time.Since(started), soon)
	assert.NotContains(t, beat.Output(), "panic")
	require.Empty(t, outputEvents(api))
}
