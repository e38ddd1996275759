// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/sarama"
)

func newSettings(t *testing.T, values map[string]any) *settings {
	t.Helper()
	all := map[string]any{"hosts": []string{"kafka.example.com:9092"}, "topic": "t", "key": "%{[@metadata.indicator_key]}"}
	for name, value := range values {
		all[name] = value
	}
	s, err := readSettings(conf.MustNewConfigFrom(all), logp.NewNopLogger())
	require.NoError(t, err)
	return s
}

const alterT = "kafka-configs.sh --bootstrap-server kafka.example.com:9092 --alter --entity-type topics --entity-name t --add-config "

func TestSettingsOfATopic(t *testing.T) {
	const forEver = "9223372036854775807"
	tests := map[string]struct {
		settings map[string]any
		topic    map[string]string
		want     string
		note     string
	}{
		"Kafka's defaults": {
			topic: map[string]string{"cleanup.policy": "delete", "message.timestamp.type": "CreateTime", "retention.ms": "604800000", "max.message.bytes": "1048588", "message.timestamp.before.max.ms": forEver},
			want: `topic "t" deletes indicators by the time of their last update, not of their arrival: message.timestamp.type is CreateTime and retention.ms 604800000 (168h0m0s). ` +
				"Mend it with: " + alterT + "message.timestamp.type=LogAppendTime",
		},
		"the time of the arrival": {
			topic: map[string]string{"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "retention.ms": "604800000"},
		},
		"nothing is deleted": {
			topic: map[string]string{"cleanup.policy": "delete", "message.timestamp.type": "CreateTime", "retention.ms": "-1"},
		},
		"old messages are refused": {
			topic: map[string]string{"cleanup.policy": "compact", "message.timestamp.type": "CreateTime", "retention.ms": "1000", "message.timestamp.before.max.ms": "3600000"},
			want: `topic "t" refuses indicators that were last updated long ago: message.timestamp.type is CreateTime and message.timestamp.before.max.ms 3600000. ` +
				"Mend it with: " + alterT + "message.timestamp.type=LogAppendTime",
		},
		"compacted": {
			topic: map[string]string{"cleanup.policy": "compact", "message.timestamp.type": "CreateTime", "retention.ms": "1000"},
		},
		"compacted, and no key": {
			settings: map[string]any{"key": ""},
			topic:    map[string]string{"cleanup.policy": "compact"},
			want:     `topic "t" is compacted and takes no message without a key: set output.kafka.key: "%{[@metadata.indicator_key]}"`,
		},
		"compacted, and a key that may be empty": {
			settings: map[string]any{"key": "%{[threatq.id]}"},
			topic:    map[string]string{"cleanup.policy": "compact"},
			note:     `topic "t" is compacted, and refuses an indicator for which output.kafka.key (%{[threatq.id]}) is empty: "%{[@metadata.indicator_key]}" never is`,
		},
		"compacted and deleted, without a key": {
			settings: map[string]any{"key": ""},
			topic:    map[string]string{"cleanup.policy": "compact,delete", "message.timestamp.type": "CreateTime", "retention.ms": "86400000"},
			want: `topic "t" deletes indicators by the time of their last update, not of their arrival: message.timestamp.type is CreateTime and retention.ms 86400000 (24h0m0s). ` +
				"Mend it with: " + alterT + "message.timestamp.type=LogAppendTime; " +
				`topic "t" is compacted and takes no message without a key: set output.kafka.key: "%{[@metadata.indicator_key]}"`,
		},
		"small messages": {
			topic: map[string]string{"max.message.bytes": "20000"},
			want: `topic "t" takes at most 20000 bytes in a request (max.message.bytes), and output.kafka.max_message_bytes is 1048576: set it to 20000, or mend the topic with: ` +
				alterT + "max.message.bytes=1048576",
		},
		"small messages, as is set": {
			settings: map[string]any{"max_message_bytes": 20000},
			topic:    map[string]string{"max.message.bytes": "20000"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			notes, err := newSettings(t, test.settings).check("t", test.topic)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
			if test.note == "" {
				assert.Empty(t, notes)
			} else {
				assert.Equal(t, []string{test.note}, notes)
			}
		})
	}
}

func TestLookingAtATopic(t *testing.T) {
	broker := sarama.NewMockBroker(t, 1)
	defer broker.Close()
	s := newSettings(t, map[string]any{"hosts": []string{broker.Addr()}, "username": "me", "password": "x"})
	s.client.Net.SASL.Enable = false // the broker knows no users
	s.client.Metadata.Retry.Max = 0

	metadata := func(err sarama.KError) sarama.MockResponse {
		m := sarama.NewMockMetadataResponse(t).SetBroker(broker.Addr(), 1).SetController(1)
		if err != sarama.ErrNoError {
			return m.SetError("t", err)
		}
		return m.SetLeader("t", 0, 1)
	}
	configs := func(code sarama.KError, entries ...*sarama.ConfigEntry) sarama.MockResponse {
		return sarama.NewMockWrapper(&sarama.DescribeConfigsResponse{Version: 2, Resources: []*sarama.ResourceResponse{{
			ErrorCode: int16(code), Type: sarama.TopicResource, Name: "t", Configs: entries,
		}}})
	}
	old := sarama.NewMockApiVersionsResponse(t).SetApiKeys([]sarama.ApiVersionsResponseKey{{ApiKey: 3, MaxVersion: 7}})
	acls := "kafka-acls.sh --bootstrap-server " + broker.Addr() + " --add --allow-principal User:me --operation Write --operation Describe --operation DescribeConfigs --topic t"
	tests := map[string]struct {
		responses map[string]sarama.MockResponse
		want      string
		note      string
	}{
		"as it should be": {
			responses: map[string]sarama.MockResponse{
				"MetadataRequest": metadata(sarama.ErrNoError), "ApiVersionsRequest": old,
				"DescribeConfigsRequest": configs(sarama.ErrNoError, &sarama.ConfigEntry{Name: "message.timestamp.type", Value: "LogAppendTime"}),
			},
		},
		"missing": {
			responses: map[string]sarama.MockResponse{"MetadataRequest": metadata(sarama.ErrUnknownTopicOrPartition)},
			want:      `topic "t" does not exist: create it with: kafka-topics.sh --bootstrap-server ` + broker.Addr() + ` --create --topic t --config message.timestamp.type=LogAppendTime`,
		},
		"not to be seen": {
			responses: map[string]sarama.MockResponse{"MetadataRequest": metadata(sarama.ErrTopicAuthorizationFailed)},
			want:      `topic "t" can't be looked at: kafka server: The client is not authorized to access this topic: allow it with: ` + acls,
		},
		"settings not to be seen": {
			responses: map[string]sarama.MockResponse{
				"MetadataRequest": metadata(sarama.ErrNoError), "ApiVersionsRequest": old,
				"DescribeConfigsRequest": configs(sarama.ErrTopicAuthorizationFailed),
			},
			note: `the settings of topic "t" can't be looked at, which takes DescribeConfigs on it: see docs/outputs.md for how it has to be set up`,
		},
		"not to be written to": {
			responses: map[string]sarama.MockResponse{
				"MetadataRequest": sarama.NewMockSequence(
					metadata(sarama.ErrNoError), metadata(sarama.ErrNoError),
					sarama.NewMockWrapper(&sarama.MetadataResponse{Version: 8, Topics: []*sarama.TopicMetadata{{Version: 8, Name: "t", TopicAuthorizedOperations: 1 << sarama.AclOperationDescribe}}}),
				),
				"ApiVersionsRequest": sarama.NewMockApiVersionsResponse(t).SetApiKeys([]sarama.ApiVersionsResponseKey{{ApiKey: 3, MaxVersion: 9}}),
			},
			want: `topic "t" may not be written to: allow it with: ` + acls,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			broker.SetHandlerByMap(test.responses)
			notes, err := s.examine("t")
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
			if test.note != "" {
				assert.Equal(t, []string{test.note}, notes)
			}
		})
	}
}

func TestNoBrokerAnswers(t *testing.T) {
	s := newSettings(t, map[string]any{"hosts": []string{"127.0.0.1:1"}, "timeout": "1s"})
	s.client.Metadata.Retry.Max = 0
	_, err := s.examine("t")
	require.ErrorContains(t, err, "connection refused")
}
