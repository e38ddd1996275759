// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"go.uber.org/zap/zapcore"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/beats/v7/libbeat/publisher/queue"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
)

// deadLetterPolicy is under which Libbeat's output hands back a document that was
// refused, with the status and the reason, instead of dropping it. The index is never
// written to: what is handed back is replaced by what it was before.
var deadLetterPolicy = map[string]any{
	"non_indexable_policy": map[string]any{"dead_letter_index": map[string]any{"index": "threatqbeat-refused"}},
}

// aroundElasticsearch returns the output elasticsearch, whose clients hold what is
// refused because of the cluster's state.
func aroundElasticsearch(factory outputs.Factory) outputs.Factory {
	return func(im outputs.IndexManager, info beat.Info, observer outputs.Observer, cfg *config.C) (outputs.Group, error) {
		settings := struct {
			Backoff struct {
				Init time.Duration `config:"init"`
				Max  time.Duration `config:"max"`
			} `config:"backoff"`
			Policy *config.Namespace `config:"non_indexable_policy"`
		}{}
		settings.Backoff.Init, settings.Backoff.Max = time.Second, time.Minute
		if err := cfg.Unpack(&settings); err != nil {
			return outputs.Fail(err)
		}
		userDeadLetters := settings.Policy != nil && settings.Policy.Name() == "dead_letter_index"
		if !userDeadLetters && (settings.Policy == nil || settings.Policy.Name() == "drop") {
			merged, err := config.MergeConfigs(without(cfg, "non_indexable_policy"), config.MustNewConfigFrom(deadLetterPolicy))
			if err != nil {
				return outputs.Fail(err)
			}
			cfg = merged
		}
		log := info.Logger.Named("elasticsearch")
		info.Logger = FilterLog(info.Logger, isUntrue)
		group, err := factory(im, info, observer, cfg)
		if err != nil {
			return group, err
		}
		if encoders := group.EncoderFactory; encoders != nil {
			group.EncoderFactory = func() queue.Encoder { return encoder{encoders()} }
		}
		return WrapClients(group, func(inner outputs.NetworkClient) outputs.NetworkClient {
			return &elasticsearch{pausing{inner, newHolding(log, settings.Backoff.Init, settings.Backoff.Max)}, observer, log, userDeadLetters}
		})
	}
}

// elasticsearch is a client of the output elasticsearch.
type elasticsearch struct {
	pausing
	observer    outputs.Observer
	log         *logp.Logger
	deadLetters bool // refused documents go to an index of the user's
}

// Publish sends a batch. An error has Libbeat connect anew, which installs assets that
// are missing, before it sends another.
func (c *elasticsearch) Publish(ctx context.Context, original publisher.Batch) error {
	b := newBatch(c, original)
	if len(b.events) == 0 {
		b.ACK()
		return nil
	}
	if err := c.NetworkClient.Publish(ctx, b); err != nil {
		return err // Libbeat has waited
	}
	if b.retried == 0 {
		c.pause.Reset()
		return nil
	}
	c.pause.Wait()
	if b.held == 0 {
		return nil // Elasticsearch was too busy
	}
	//lint:ignore ST1005 it begins with a name
	return fmt.Errorf("Elasticsearch refuses %s, which are held and sent again until it accepts them: %s",
		english.Plural(b.held, "document", ""), b.heldWhy)
}

// without returns a copy of a configuration that lacks a setting.
func without(cfg *config.C, setting string) *config.C {
	copied, err := config.NewConfigFrom(cfg)
	if err != nil {
		return cfg
	}
	_, _ = copied.Remove(setting, -1)
	return copied
}

// untrue are the beginnings of what Libbeat's output says of a document that was
// refused. It takes it for a dead letter, and names it again with each attempt; what
// became of it is said by this package.
var untrue = []string{
	"Cannot index event '",
	"Failed to index ",
	"BETA: The non_indexable_policy dead_letter_index",
}

func isUntrue(line zapcore.Entry) bool {
	return slices.ContainsFunc(untrue, func(beginning string) bool { return strings.HasPrefix(line.Message, beginning) })
}

// bulkError is why Elasticsearch's bulk request refused a document.
type bulkError struct {
	status int
	typ    string
	reason string
	raw    string // as it was answered
}

// maxReason is how many bytes of a reason a message shows. Elasticsearch repeats values
// of documents in it.
const maxReason = 300

func newBulkError(status int, raw string) bulkError {
	e := bulkError{status: status, raw: raw}
	var answer struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal([]byte(raw), &answer); err != nil {
		answer.Reason = raw
	}
	e.typ, e.reason = answer.Type, answer.Reason
	return e
}

// String returns the error in one line.
func (e bulkError) String() string {
	text := shorten(e.reason)
	if e.typ != "" {
		text = e.typ + ": " + text
	}
	return fmt.Sprintf("%s (status %d)", text, e.status)
}

// remedies say what to do about an error that no document causes. Such a document is
// held. An empty type stands for any, an empty reason likewise; the first that fits
// counts. What fits none was refused for the document's content.
var remedies = []struct {
	status      int
	typ, reason string
	remedy      string
}{
	{0, "security_exception", "", "Give the output's user or API key the privileges of docs/elasticsearch.md, among them auto_configure and create_doc"},
	{http.StatusUnauthorized, "", "", "Correct the output's credentials"},
	{0, "cluster_block_exception", "", "Remove the block of the index, and what led to it, such as a full disk"},
	{0, "", "pipeline with id [", "Install the ingest pipeline by threatqbeat setup --pipelines, or correct the name in the input's pipeline"},
	{0, "validation_exception", "", "Delete indices that nobody needs, or raise cluster.max_shards_per_node"},
	{0, "index_not_found_exception", "", "Run threatqbeat setup --index-management"},
	{0, "index_closed_exception", "", "Open the index"},
	{0, "invalid_index_name_exception", "", "Correct data_stream.namespace or index"},
	{0, "illegal_argument_exception", "only write ops with an op_type of create", "Remove op_type from the events' metadata"},
	{0, "illegal_argument_exception", "no write index is defined", "Give the alias a write index, or correct the output's index"},
	{http.StatusForbidden, "", "", "Remove what forbids it: a missing privilege, a block or an expired licence"},
	{http.StatusNotFound, "", "", "Create what is missing by threatqbeat setup"},
}

// remedy says what to do, "" when the document's content is the cause.
func (e bulkError) remedy() string {
	for _, known := range remedies {
		if (known.status == 0 || known.status == e.status) &&
			(known.typ == "" || known.typ == e.typ) && strings.Contains(e.reason, known.reason) {
			return known.remedy
		}
	}
	return ""
}
