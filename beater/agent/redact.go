// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-client/v7/pkg/client"
)

// renderedConfigHook is the name under which Libbeat's manager shows Elastic Agent
// the whole configuration, with all secrets.
const renderedConfigHook = "beat-rendered-config"

// redactingClient is the client of Elastic Agent, which shows no secrets in what
// the action diagnostics collects. Elastic Agent leaves out what is called a
// password, a key or a token, and not a client's secret (elastic/elastic-agent#241,
// elastic/elastic-agent#1907).
type redactingClient struct{ client.V2 }

// RegisterDiagnosticHook adds a file to the diagnostics.
func (c redactingClient) RegisterDiagnosticHook(name, description, filename, contentType string, hook client.DiagnosticHook) {
	if name == renderedConfigHook {
		rendered := hook
		hook = func() []byte { return redactConfig(rendered()) }
	}
	c.V2.RegisterDiagnosticHook(name, description, filename, contentType, hook)
}

// redacted stands where a value is not shown.
const redacted = "xxxxx"

// shownSettings are the last parts of the names of settings whose values are
// shown. A setting that is missing here is taken for a secret.
var shownSettings = wordSet(`
	type id name enabled index pipeline dataset namespace tags target version snapshot
	input_id stream_id use_output revision
	url data_collection_id token_url interval page_size fields_param ioc_expiration_duration
	expired_statuses preserve_original_event
	timeout max_attempts wait_min wait_max limit burst max_body_size filename maxsize
	maxbackups allow_insecure_http proxy_url proxy_disable verification_mode supported_protocols
	disable_host keep_null
	hosts preset worker workers bulk_max_size compression_level compression loadbalance
	max_retries init max ttl topic client_id required_acks broker_timeout keep_alive
	protocol path port db datatype allow_older_versions non_indexable_policy
	events min_events rotate_every_kb number_of_files permissions
`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// redactConfig shows of a configuration in YAML the names of all settings and the
// values of those that are known to be no secrets.
func redactConfig(text []byte) []byte {
	var config any
	if err := yaml.Unmarshal(text, &config); err != nil {
		// The error may hold a piece of the text.
		return []byte("# The configuration is not shown: it can't be read.\n")
	}
	shown, err := yaml.Marshal(redact("", config))
	if err != nil {
		return []byte(fmt.Sprintf("# The configuration is not shown: %s\n", err))
	}
	return shown
}

func redact(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(value))
		for key, v := range value {
			shown[key] = redact(key, v)
		}
		return shown
	case []any:
		shown := make([]any, 0, len(value))
		for _, v := range value {
			shown = append(shown, redact(name, v))
		}
		return shown
	case nil, bool:
		return value
	case string:
		if !shownSetting(name) {
			return redacted
		}
		return withoutUserinfo(value)
	case int, int64, uint64, float64:
		if shownSetting(name) {
			return value
		}
	}
	return redacted
}

func shownSetting(name string) bool {
	return shownSettings[name[strings.LastIndexByte(name, '.')+1:]]
}

// withoutUserinfo hides an address that may have a user and a password in it.
func withoutUserinfo(value string) string {
	if !strings.Contains(value, "@") {
		return value
	}
	address, err := url.Parse(value)
	if err != nil || address.Host == "" {
		return redacted
	}
	address.User = nil
	return address.String()
}
