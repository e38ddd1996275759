// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/sarama"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// realKafka is a Kafka whose addresses KAFKA_BROKERS names, and where topics may be
// created and deleted.
type realKafka struct {
	brokers []string
	client  sarama.Client
	admin   sarama.ClusterAdmin
}

func newRealKafka(t *testing.T) *realKafka {
	t.Helper()
	addresses := os.Getenv("KAFKA_BROKERS")
	if addresses == "" {
		t.Skip("KAFKA_BROKERS names no broker")
	}
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_1_0_0
	k := &realKafka{brokers: strings.Split(addresses, ",")}
	var err error
	k.client, err = sarama.NewClient(k.brokers, cfg)
	require.NoError(t, err)
	k.admin, err = sarama.NewClusterAdminFromClient(k.client)
	require.NoError(t, err)
	t.Cleanup(func() { _ = k.admin.Close() })
	return k
}

// topic creates a topic that is deleted at the test's end.
func (k *realKafka) topic(t *testing.T, settings map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("threatqbeat-%d", time.Now().UnixNano())
	require.NoError(t, k.admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: pointers(settings)}, false))
	t.Cleanup(func() { _ = k.admin.DeleteTopic(name) })
	return name
}

func pointers(settings map[string]string) map[string]*string {
	entries := map[string]*string{}
	for name, value := range settings {
		entries[name] = &value
	}
	return entries
}

// read returns the messages of a topic and their number by key.
func (k *realKafka) read(t *testing.T, topic string) (events []beattest.Event, keys map[string]int) {
	t.Helper()
	keys = map[string]int{}
	consumer, err := sarama.NewConsumerFromClient(k.client)
	require.NoError(t, err)
	partitions, err := k.client.Partitions(topic)
	require.NoError(t, err)
	for _, partition := range partitions {
		end, err := k.client.GetOffset(topic, partition, sarama.OffsetNewest)
		require.NoError(t, err)
		if end == 0 {
			continue
		}
		messages, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		require.NoError(t, err)
		for message := range messages.Messages() {
			var event beattest.Event
			require.NoError(t, json.Unmarshal(message.Value, &event))
			events = append(events, event)
			keys[string(message.Key)]++
			if message.Offset == end-1 {
				break
			}
		}
		require.NoError(t, messages.Close())
	}
	return events, keys
}

func (k *realKafka) configure(t *testing.T, sim *appliance, topic string, settings map[string]any) (dir *beattest.Dir, api string) {
	dir, api = beattest.NewDir(t), freeAddress(t)
	output := map[string]any{"hosts": k.brokers, "topic": topic, "key": "%{[@metadata.indicator_key]}", "backoff": map[string]any{"init": "100ms", "max": "500ms"}}
	for name, value := range settings {
		output[name] = value
	}
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", nil)},
		"output":             map[string]any{"kafka": output},
		"http":               endpointAt(api),
	})
	return dir, api
}

// A topic with Kafka's own settings is refused until the command that is said has
// been given; then everything arrives once, with a key for each indicator.
func TestRealKafkaTakesEverything(t *testing.T) {
	k := newRealKafka(t)
	for name, settings := range map[string]map[string]string{
		"Kafka's own settings": nil,
		"compacted":            {"cleanup.policy": "compact"},
	} {
		t.Run(name, func(t *testing.T) {
			topic := k.topic(t, settings)
			sim := startAppliance(t, simulator.Config{Indicators: 3000, Seed: 1, Untidy: 1, Unreadable: 0.01})
			dir, api := k.configure(t, sim, topic, nil)
			beat := dir.Start("run")
			if settings == nil {
				beat.Eventually("a refusal", func() bool {
					return strings.Contains(strings.Join(dir.LogMessages("error"), "\n"), "--entity-name "+topic+" --add-config message.timestamp.type=LogAppendTime")
				})
				require.NoError(t, k.admin.AlterConfig(sarama.TopicResource, topic, pointers(map[string]string{"message.timestamp.type": "LogAppendTime"}), false))
			}
			beat.Eventually("the arrival of everything", func() bool { return outputEvents(api)["acked"] >= sim.Len() })
			beat.Stop()
			events, keys := k.read(t, topic)
			assert.Len(t, events, sim.Len())
			assert.NotContains(t, keys, "")
			assert.Greater(t, len(keys), sim.Len()*9/10, "a key for each indicator")
		})
	}
}

// A batch that is larger than the topic takes arrives in parts.
func TestRealKafkaTakesLargeBatchesInParts(t *testing.T) {
	k := newRealKafka(t)
	topic := k.topic(t, map[string]string{"message.timestamp.type": "LogAppendTime", "max.message.bytes": "20000"})
	sim := startAppliance(t, tidy(3000))
	dir, api := k.configure(t, sim, topic, nil)
	beat := dir.Start("run")
	beat.Eventually("a refusal", func() bool {
		return strings.Contains(strings.Join(dir.LogMessages("error"), "\n"), "max.message.bytes")
	})
	// Looked at once: what comes later has to be coped with.
	require.NoError(t, k.admin.AlterConfig(sarama.TopicResource, topic, pointers(map[string]string{"message.timestamp.type": "LogAppendTime"}), false))
	beat.Eventually("a first arrival", func() bool { return outputEvents(api)["acked"] >= sim.Len() })
	require.NoError(t, k.admin.AlterConfig(sarama.TopicResource, topic, pointers(map[string]string{"message.timestamp.type": "LogAppendTime", "max.message.bytes": "20000"}), false))
	sim.Touch(3000)
	beat.Eventually("the arrival of the updates", func() bool { return outputEvents(api)["acked"] >= 2*sim.Len() })
	assert.Zero(t, outputEvents(api)["dropped"])
	beat.Stop()
	events, _ := k.read(t, topic)
	for id, n := range countIDs(events) {
		assert.GreaterOrEqual(t, n, 2, id)
	}
}

// A message without a key costs only itself on a compacted topic.
func TestRealKafkaAndAKeyThatIsEmpty(t *testing.T) {
	k := newRealKafka(t)
	topic := k.topic(t, map[string]string{"cleanup.policy": "compact"})
	sim := startAppliance(t, simulator.Config{Indicators: 200, Seed: 1, Untidy: 1})
	without := 0
	dir, api := k.configure(t, sim, topic, map[string]any{"key": "%{[threatq.indicator_id]}"})
	beat := dir.Start("run")
	beat.Eventually("the end", func() bool {
		events := outputEvents(api)
		without = events["dropped"]
		return events["acked"]+events["dropped"] >= sim.Len()
	})
	beat.Stop()
	events, keys := k.read(t, topic)
	assert.NotContains(t, keys, "")
	assert.Positive(t, without)
	assert.Equal(t, sim.Len()-without, len(countIDs(events)))
}
