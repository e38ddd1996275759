// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
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
	case strings.Contains(reason, sarama.ErrInvalidTimestamp.Error()):
		return reason + ": " + s.alter(topic, logAppendTime)
	}
	return reason
}
