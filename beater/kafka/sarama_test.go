// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	_ "github.com/elastic/beats/v7/libbeat/outputs/kafka" // registers it
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/sarama"
)

// Once three attempts have failed Sarama sends nothing for ten seconds, and Libbeat's
// client acknowledges a batch whose events all fail for that reason.
func TestNothingIsAcknowledgedWhileTheBrokerIsGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	reports, counted := &told{}, &counts{Observer: outputs.NewNilObserver()}
	group, err := Around(outputs.FindFactory("kafka"))(nil, beat.Info{Logger: logp.NewNopLogger()}, counted, conf.MustNewConfigFrom(map[string]any{
		"hosts": []string{listener.Addr().String()}, "topic": "t", "max_retries": 1,
		"backoff": map[string]any{"init": "1ms", "max": "2ms"}, "metadata.retry": map[string]any{"max": 0, "backoff": "1ms"},
	}))
	require.NoError(t, err)
	broker := sarama.NewMockBrokerListener(t, 1, listener) // after the output, which sets what it logs with
	broker.SetHandlerByMap(map[string]sarama.MockResponse{
		"ApiVersionsRequest": sarama.NewMockApiVersionsResponse(t),
		"MetadataRequest":    sarama.NewMockMetadataResponse(t).SetBroker(broker.Addr(), 1).SetLeader("t", 0, 1),
		"ProduceRequest":     sarama.NewMockProduceResponse(t),
	})
	c := group.Clients[0].(*client)
	c.blocked, c.refuse = reports.blocked, reports.refuse
	c.examine = func(string) ([]string, error) { return nil, nil }
	require.NoError(t, c.Connect(t.Context()))
	publish := func(n int) int {
		batch := newAttempt(newEvents(n))
		require.NoError(t, c.Publish(t.Context(), batch))
		return len(<-batch.failed)
	}
	require.Zero(t, publish(3))

	broker.Close()
	for i := range 4 {
		assert.Equal(t, 1, publish(1), "attempt %d", i+1)
		assert.Greater(t, len(reports.held[len(reports.held)-1]), len("output.kafka: "), "it says why")
	}
	assert.Equal(t, 3, counted.acked)
	assert.Equal(t, 4, counted.failed)
	require.NoError(t, c.Close())
}
