// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"time"

	"github.com/elastic/elastic-agent-libs/config"
)

// Input is what a configuration may say of one input, common input settings (tags,
// processors, index, ...) aside. It may be printed: secrets in it never are.
type Input struct {
	// ID names the input and, with the url and the data collection, its cursor.
	ID string `config:"id"`
	// URL is the appliance, with or without a trailing slash or /api.
	URL string `config:"url"`
	// Auth holds the credentials of the API client.
	Auth Auth `config:"auth"`
	// DataCollectionID is the hash of the data collection (a saved search of
	// the Threat Library), as its address in ThreatQ's web interface shows it.
	DataCollectionID string `config:"data_collection_id"`
	// Interval is the time from the start of one cycle to the start of the
	// next, at least 1s.
	Interval time.Duration `config:"interval"`
	// PageSize is the number of indicators asked for at once, 1 to 10000.
	PageSize int `config:"page_size"`
	// FieldsParam is sent as the parameter "fields"; left out when empty.
	FieldsParam string `config:"fields_param"`
	// IOCExpirationDuration is how long after its last update an indicator expires
	// that ThreatQ does not let expire itself.
	IOCExpirationDuration Lifetime `config:"ioc_expiration_duration"`
	// ExpiredStatuses are the names of the statuses that take an indicator out
	// of the active set.
	ExpiredStatuses []string `config:"expired_statuses"`
	// Reconcile says how the collection is compared with what was delivered.
	Reconcile Reconcile `config:"reconcile"`
	// PreserveOriginalEvent keeps each indicator as received in event.original.
	PreserveOriginalEvent bool `config:"preserve_original_event"`
	// DataStream names the data stream that the events belong to.
	DataStream DataStream `config:"data_stream"`
	// Request holds what concerns each HTTP request.
	Request Request `config:"request"`
}

// Reconcile says how the data collection is compared with the indicators that are
// known to be delivered.
type Reconcile struct {
	// Interval is the time between two sweeps, at least 1s; 0 for none ever.
	Interval time.Duration `config:"interval"`
	// MaxRemoved is how many of the known indicators a sweep may retire.
	MaxRemoved Share `config:"max_removed"`
}

// DataStream is the part of a data stream's name that can be chosen.
type DataStream struct {
	// Namespace is data_stream.namespace: lower case, 1 to 100 bytes.
	Namespace string `config:"namespace"`
}

// Auth holds the ways to authenticate; there is one.
type Auth struct {
	OAuth2 AuthOAuth2 `config:"oauth2"`
}

// AuthOAuth2 is the OAuth2 client credentials grant.
type AuthOAuth2 struct {
	Client AuthOAuth2Client `config:"client"`
	// TokenURL is the token endpoint, {url}/api/token when empty.
	TokenURL string `config:"token_url"`
}

// AuthOAuth2Client is the pair that ThreatQ shows when an API client is created.
type AuthOAuth2Client struct {
	ID     string `config:"id"`
	Secret Secret `config:"secret"`
}

// Request is what concerns each HTTP request.
type Request struct {
	// Timeout bounds each wait: for the connection, for the TLS handshake, for
	// the answer's headers, and for more of its body. A big page on a slow
	// line may take longer in all; one that stops arriving is given up.
	Timeout time.Duration `config:"timeout"`
	// ProxyURL is used for every request; when empty, HTTP_PROXY, HTTPS_PROXY
	// and NO_PROXY of the environment apply.
	ProxyURL ProxyURL `config:"proxy_url"`
	// ProxyHeaders are sent to the proxy with CONNECT requests.
	ProxyHeaders map[string]Secret `config:"proxy_headers"`
	// ProxyDisable ignores ProxyURL and the environment.
	ProxyDisable bool `config:"proxy_disable"`
	// SSL is what every Beat offers as ssl.*. TLS 1.2 is the least.
	SSL SSL `config:"ssl"`
	// Retry says how often and how patiently a request is repeated.
	Retry RequestRetry `config:"retry"`
	// RateLimit bounds the requests per second.
	RateLimit RequestRateLimit `config:"rate_limit"`
	// MaxBodySize bounds one page, after decompression.
	MaxBodySize ByteSize `config:"max_body_size"`
	// Tracer writes each request and answer to a file, for debugging.
	Tracer RequestTracer `config:"tracer"`
	// AllowInsecureHTTP permits http:// to hosts other than this one.
	AllowInsecureHTTP bool `config:"allow_insecure_http"`
}

// RequestRetry says how often and how patiently a request is repeated.
type RequestRetry struct {
	// MaxAttempts counts the first attempt: 1 is no retry.
	MaxAttempts int `config:"max_attempts"`
	// WaitMin is the least wait before the second attempt; waits double from there.
	WaitMin time.Duration `config:"wait_min"`
	// WaitMax is the longest wait that the client chooses itself. A
	// Retry-After of the appliance is honoured beyond it, see client.MaxRetryAfter.
	WaitMax time.Duration `config:"wait_max"`
}

// RequestRateLimit bounds the requests per second.
type RequestRateLimit struct {
	// Limit is the number of requests per second, 0 for no limit.
	Limit float64 `config:"limit"`
	// Burst is the number of requests that may follow each other without a wait.
	Burst int `config:"burst"`
}

// RequestTracer says whether and where each request and answer is written.
type RequestTracer struct {
	Enabled bool `config:"enabled"`
	// Filename lies in the logs directory; see client.TraceFile for what it may be.
	Filename string `config:"filename"`
	// Maxsize is the size in MB at which a new file is begun.
	Maxsize int `config:"maxsize"`
	// Maxbackups is the number of old files that are kept.
	Maxbackups int `config:"maxbackups"`
}

// DefaultInput returns the defaults; url, the credentials and the data
// collection have none.
func DefaultInput() Input {
	return Input{
		Interval:              time.Minute,
		PageSize:              1000,
		FieldsParam:           "*,sources,attributes,attributes.name,attributes.value",
		IOCExpirationDuration: Lifetime(90 * day),
		ExpiredStatuses:       []string{"Expired"},
		Reconcile:             Reconcile{Interval: 24 * time.Hour, MaxRemoved: Share{percent: 20, text: "20%"}},
		DataStream:            DataStream{Namespace: "default"},
		Request: Request{
			Timeout:     30 * time.Second,
			Retry:       RequestRetry{MaxAttempts: 5, WaitMin: time.Second, WaitMax: time.Minute},
			RateLimit:   RequestRateLimit{Limit: 0, Burst: 1},
			MaxBodySize: 256 << 20,
			Tracer:      RequestTracer{Maxsize: 1, Maxbackups: 5},
		},
	}
}

// UnpackInput reads an input's configuration over the defaults and validates
// it. The error names the input, each setting that is wrong and what would be
// right, and never a secret.
func UnpackInput(raw *config.C) (Input, error) {
	input := DefaultInput()
	// The lists of a configuration replace the default, they don't extend it.
	if raw.HasField("expired_statuses") {
		input.ExpiredStatuses = nil
	}
	if err := raw.Unpack(&input); err != nil {
		return Input{}, fmt.Errorf("%s: %w", describeInput(raw), err)
	}
	// The cursor is saved under the address, and a trailing slash makes no other address.
	input.URL = input.Address()
	return input, nil
}
