// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common/kafka"
	"github.com/elastic/beats/v7/libbeat/common/transport/kerberos"
	"github.com/elastic/beats/v7/libbeat/outputs/outil"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
	"github.com/elastic/sarama"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// settings are those of output.kafka that looking at a topic takes. Libbeat has
// checked them.
type settings struct {
	Hosts           []string          `config:"hosts"`
	Key             string            `config:"key"`
	MaxMessageBytes int               `config:"max_message_bytes"`
	Version         kafka.Version     `config:"version"`
	ClientID        string            `config:"client_id"`
	Timeout         time.Duration     `config:"timeout"`
	TLS             *tlscommon.Config `config:"ssl"`
	Kerberos        *kerberos.Config  `config:"kerberos"`
	Username        string            `config:"username"`
	Password        string            `config:"password"`
	SASL            kafka.SaslConfig  `config:"sasl"`
	Backoff         struct {
		Init time.Duration `config:"init"`
		Max  time.Duration `config:"max"`
	} `config:"backoff"`

	topic  outil.Selector
	client *sarama.Config
}

// readSettings reads the settings over Libbeat's defaults.
func readSettings(cfg *conf.C, log *logp.Logger) (*settings, error) {
	s := &settings{MaxMessageBytes: sarama.NewConfig().Producer.MaxMessageBytes, Version: "2.1.0", ClientID: "beats", Timeout: 30 * time.Second}
	s.Backoff.Init, s.Backoff.Max = time.Second, time.Minute
	if err := cfg.Unpack(s); err != nil {
		return nil, err
	}
	var err error
	s.topic, err = outil.BuildSelectorFromConfig(cfg, outil.Settings{
		Key: "topic", MultiKey: "topics", EnableSingleOnly: true, FailEmpty: true, Case: outil.SelectorKeepCase,
	}, log)
	if err != nil {
		return nil, err
	}
	s.client, err = s.saramaConfig(log)
	return s, err
}

// saramaConfig returns what a client takes that looks at a topic and never makes
// one.
func (s *settings) saramaConfig(log *logp.Logger) (*sarama.Config, error) {
	c := sarama.NewConfig()
	c.ClientID = s.ClientID
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = s.Timeout, s.Timeout, s.Timeout
	c.Metadata.Full = false
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.RefreshFrequency = 0
	c.Metadata.Retry.Max = 1
	version, ok := s.Version.Get()
	if !ok {
		return nil, fmt.Errorf("version is %q: Kafka has no such version", s.Version)
	}
	c.Version = version
	tls, err := tlscommon.LoadTLSConfig(s.TLS, log)
	if err != nil {
		return nil, err
	}
	if tls != nil {
		c.Net.TLS.Enable = true
		c.Net.TLS.Config = tls.BuildModuleClientConfig("")
	}
	if s.Username != "" {
		c.Net.SASL.Enable = true
		c.Net.SASL.User, c.Net.SASL.Password = s.Username, s.Password
		s.SASL.ConfigureSarama(c)
	}
	return c, nil
}

// onlyTopic returns the topic of all events, if there is one.
func (s *settings) onlyTopic() (string, bool) {
	if !s.topic.IsConst() {
		return "", false
	}
	topic, err := s.topic.Select(&beat.Event{Fields: mapstr.M{}})
	return topic, err == nil && topic != ""
}

// explain returns the failure as an error that says what to do about it.
func (s *settings) explain(f failure) error { return errors.New(s.advice(f.topic, f.reason)) }

// advice adds to a reason of Kafka's what to do about it.
func (s *settings) advice(topic, reason string) string {
	switch {
	case strings.Contains(reason, sarama.ErrTopicAuthorizationFailed.Error()):
		return reason + ": " + s.allowWriting(topic)
	case strings.Contains(reason, sarama.ErrSASLAuthenticationFailed.Error()):
		return reason + ": check username, password and sasl.mechanism"
	case strings.Contains(reason, sarama.ErrInvalidRecord.Error()):
		return reason + ": " + setKey()
	case strings.Contains(reason, "exceeds max_mesage_bytes"):
		return fmt.Sprintf("larger than output.kafka.max_message_bytes (%d): raise it, and max.message.bytes of the topic", s.MaxMessageBytes)
	case strings.Contains(reason, "too large message"):
		return reason + ": raise max.message.bytes of the topic"
	case strings.Contains(reason, sarama.ErrInvalidTimestamp.Error()):
		return reason + ": " + s.alter(topic, logAppendTime)
	}
	return reason
}

const (
	logAppendTime = "message.timestamp.type=LogAppendTime"

	// metadataAPI is the number of the request for metadata, which from a version
	// on says what the user may do.
	metadataAPI           = 3
	authorizationsVersion = 8

	// notAsked stands where a broker doesn't say what the user may do.
	notAsked = math.MinInt32
	// writeOperation is the bit of the operation Write.
	writeOperation = 1 << sarama.AclOperationWrite
)

// examine looks at a topic. An error says what would lose indicators, or keeps
// them from being sent, and how to mend it. The notes are worth a look, and lose
// nothing by themselves.
func (s *settings) examine(topic string) (notes []string, err error) {
	if s.Kerberos.IsEnabled() {
		return []string{fmt.Sprintf("topic %q is not looked at with Kerberos: see docs/outputs.md for how it has to be set up", topic)}, nil
	}
	client, err := sarama.NewClient(s.Hosts, s.client)
	if err != nil {
		return nil, fmt.Errorf("connecting to Kafka: %s", s.advice(topic, err.Error()))
	}
	defer client.Close()
	if err := client.RefreshMetadata(topic); err != nil {
		return nil, s.missing(topic, err)
	}
	if err := s.mayWrite(client, topic); err != nil {
		return nil, err
	}
	// Closing it would close the client.
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, fmt.Errorf("looking at topic %q: %w", topic, err)
	}
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
	var refused *sarama.DescribeConfigError
	if errors.As(err, &refused) && errors.Is(refused.Err, sarama.ErrTopicAuthorizationFailed) {
		return []string{fmt.Sprintf(
			"the settings of topic %q can't be looked at, which takes DescribeConfigs on it: see docs/outputs.md for how it has to be set up", topic)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the settings of topic %q: %w", topic, err)
	}
	values := map[string]string{}
	for _, entry := range entries {
		values[entry.Name] = entry.Value
	}
	return s.check(topic, values)
}

// missing says what to do about a topic whose metadata can't be had.
func (s *settings) missing(topic string, err error) error {
	switch {
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return fmt.Errorf("topic %q does not exist: create it with: kafka-topics.sh %s --create --topic %s --config %s", topic, s.server(), topic, logAppendTime)
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed):
		return fmt.Errorf("topic %q can't be looked at: %w: %s", topic, err, s.allowWriting(topic))
	}
	return fmt.Errorf("looking at topic %q: %s", topic, s.advice(topic, err.Error()))
}

// mayWrite refuses a topic that the user may not write to. Old brokers don't say.
func (s *settings) mayWrite(client sarama.Client, topic string) error {
	broker := client.LeastLoadedBroker()
	if broker == nil {
		return fmt.Errorf("looking at topic %q: no broker can be reached", topic)
	}
	versions, err := broker.ApiVersions(&sarama.ApiVersionsRequest{})
	if err != nil || !slices.ContainsFunc(versions.ApiKeys, func(key sarama.ApiVersionsResponseKey) bool {
		return key.ApiKey == metadataAPI && key.MaxVersion >= authorizationsVersion
	}) {
		return nil //nolint:nilerr // the version that is set is enough for everything else
	}
	newer := *s.client
	newer.Version = sarama.V2_4_0_0
	broker = sarama.NewBroker(broker.Addr())
	if err := broker.Open(&newer); err != nil {
		return fmt.Errorf("connecting to Kafka: %w", err)
	}
	defer broker.Close()
	answer, err := broker.GetMetadata(&sarama.MetadataRequest{
		Version: authorizationsVersion, Topics: []string{topic}, IncludeTopicAuthorizedOperations: true,
	})
	if err != nil {
		return fmt.Errorf("asking what the user may do with topic %q: %w", topic, err)
	}
	for _, found := range answer.Topics {
		if may := found.TopicAuthorizedOperations; found.Name == topic && may != notAsked && may&writeOperation == 0 {
			return fmt.Errorf("topic %q may not be written to: %s", topic, s.allowWriting(topic))
		}
	}
	return nil
}

// check refuses settings of a topic that would lose indicators.
func (s *settings) check(topic string, values map[string]string) (notes []string, err error) {
	var errs []error
	policy := values["cleanup.policy"]
	if values["message.timestamp.type"] == "CreateTime" {
		retention, err := strconv.ParseInt(values["retention.ms"], 10, 64)
		if err == nil && retention >= 0 && strings.Contains(policy, "delete") {
			errs = append(errs, fmt.Errorf("topic %q deletes indicators by the time of their last update, not of their arrival: "+
				"message.timestamp.type is CreateTime and retention.ms %d (%s). Mend it with: %s",
				topic, retention, time.Duration(retention)*time.Millisecond, s.alter(topic, logAppendTime)))
		}
		for _, name := range []string{"message.timestamp.before.max.ms", "message.timestamp.difference.max.ms"} {
			if limit, err := strconv.ParseInt(values[name], 10, 64); err == nil && limit != math.MaxInt64 && len(errs) == 0 {
				errs = append(errs, fmt.Errorf("topic %q refuses indicators that were last updated long ago: message.timestamp.type is CreateTime and %s %d. Mend it with: %s",
					topic, name, limit, s.alter(topic, logAppendTime)))
			}
		}
	}
	if strings.Contains(policy, "compact") {
		switch {
		case s.Key == "":
			errs = append(errs, fmt.Errorf("topic %q is compacted and takes no message without a key: %s", topic, setKey()))
		case s.Key != threat.KeyFormat:
			notes = append(notes, fmt.Sprintf("topic %q is compacted, and refuses an indicator for which output.kafka.key (%s) is empty: %q never is", topic, s.Key, threat.KeyFormat))
		}
	}
	if limit, err := strconv.Atoi(values["max.message.bytes"]); err == nil && limit < s.MaxMessageBytes {
		errs = append(errs, fmt.Errorf("topic %q takes at most %d bytes in a request (max.message.bytes), and output.kafka.max_message_bytes is %d: set it to %d, or mend the topic with: %s",
			topic, limit, s.MaxMessageBytes, limit, s.alter(topic, fmt.Sprintf("max.message.bytes=%d", s.MaxMessageBytes))))
	}
	return notes, config.Join(errs...)
}

func (s *settings) server() string { return "--bootstrap-server " + s.Hosts[0] }

func (s *settings) alter(topic, setting string) string {
	return fmt.Sprintf("kafka-configs.sh %s --alter --entity-type topics --entity-name %s --add-config %s", s.server(), topic, setting)
}

func setKey() string {
	return fmt.Sprintf("set output.kafka.key: %q", threat.KeyFormat)
}

func (s *settings) allowWriting(topic string) string {
	user := s.Username
	if user == "" {
		user = "NAME"
	}
	return fmt.Sprintf("allow it with: kafka-acls.sh %s --add --allow-principal User:%s --operation Write --operation Describe --operation DescribeConfigs --topic %s", s.server(), user, topic)
}
