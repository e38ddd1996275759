// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
)

// scripted is an output's client that does with a batch what it is told.
type scripted struct {
	outputs.NetworkClient
	do func(publisher.Batch)
}

func (c *scripted) Publish(_ context.Context, batch publisher.Batch) error {
	c.do(batch)
	return nil
}

// Libbeat takes what is given back after the output was closed for acknowledged.
func TestNothingIsGivenBackOnceTheOutputCloses(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(publisher.Batch)
		always bool
	}{
		"retry":         {do: func(b publisher.Batch) { b.Retry() }},
		"retry of some": {do: func(b publisher.Batch) { b.RetryEvents(b.Events()) }},
		"two parts":     {do: func(b publisher.Batch) { b.SplitRetry() }},
		"cancelled":     {do: func(b publisher.Batch) { b.Cancelled() }},
		"acknowledged":  {do: func(b publisher.Batch) { b.ACK() }, always: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := &watchedClient{&scripted{do: test.do}, &target{}}
			ctx, closeOutput := context.WithCancel(context.Background())
			defer closeOutput()
			running := &testBatch{events: make([]publisher.Event, 2)}
			require.NoError(t, client.Publish(ctx, running))
			assert.Equal(t, 1, running.signals)

			client.NetworkClient = &scripted{do: func(b publisher.Batch) {
				closeOutput()
				test.do(b)
			}}
			closing := &testBatch{events: make([]publisher.Event, 2)}
			require.NoError(t, client.Publish(ctx, closing))
			assert.Equal(t, test.always, closing.signals == 1)
		})
	}
}

func TestSilence(t *testing.T) {
	to := &target{output: "redis", hosts: []string{"redis.example.com:6379"}}
	since := time.Now()
	const before, after = "output.redis at redis.example.com:6379: ", ". Check that it runs, and the settings under output.redis"
	assert.Equal(t, before+"no answer"+after, to.silence(since))
	const answer = "READONLY You can't write against a read only replica"
	to.failed.Store(&failure{errors.New(answer + "."), since.Add(time.Second)})
	assert.Equal(t, before+answer+after, to.silence(since))
	assert.Equal(t, before+"no answer"+after, to.silence(since.Add(time.Minute)), "what it failed with before")
}
