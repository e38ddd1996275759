// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Config says how to reach one data collection of one ThreatQ appliance. Start
// from DefaultConfig. It may be printed: secrets in it never are.
type Config struct {
	// URL is the appliance, with or without a trailing slash or /api.
	URL string `config:"url"`
	// Auth holds the credentials of the API client.
	Auth AuthConfig `config:"auth"`
	// DataCollectionID is the hash of the data collection (a saved search of
	// the Threat Library), as its address in ThreatQ's web interface shows it.
	DataCollectionID string `config:"data_collection_id"`
	// PageSize is the number of indicators asked for at once, 1 to 10000.
	PageSize int `config:"page_size"`
	// FieldsParam is sent as the parameter "fields"; left out when empty.
	FieldsParam string `config:"fields_param"`
	// Request holds what concerns each HTTP request.
	Request RequestConfig `config:"request"`
}

// AuthConfig holds the ways to authenticate; there is one.
type AuthConfig struct {
	OAuth2 OAuth2Config `config:"oauth2"`
}

// OAuth2Config is the OAuth2 client credentials grant.
type OAuth2Config struct {
	Client OAuth2Client `config:"client"`
	// TokenURL is the token endpoint, {url}/api/token when empty.
	TokenURL string `config:"token_url"`
}

// OAuth2Client is the pair that ThreatQ shows when an API client is created.
type OAuth2Client struct {
	ID     string `config:"id"`
	Secret Secret `config:"secret"`
}

// RequestConfig is what concerns each HTTP request.
type RequestConfig struct {
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
	Retry RetryConfig `config:"retry"`
	// RateLimit bounds the requests per second.
	RateLimit RateLimitConfig `config:"rate_limit"`
	// MaxBodySize bounds one page, after decompression.
	MaxBodySize ByteSize `config:"max_body_size"`
	// Tracer writes each request and answer to a file, for debugging.
	Tracer TracerConfig `config:"tracer"`
	// AllowInsecureHTTP permits http:// to hosts other than this one.
	AllowInsecureHTTP bool `config:"allow_insecure_http"`
}

// RetryConfig says how often and how patiently a request is repeated.
type RetryConfig struct {
	// MaxAttempts counts the first attempt: 1 is no retry.
	MaxAttempts int `config:"max_attempts"`
	// WaitMin is the least wait before the second attempt; waits double from there.
	WaitMin time.Duration `config:"wait_min"`
	// WaitMax is the longest wait that the client chooses itself. A
	// Retry-After of the appliance is honoured beyond it, see MaxRetryAfter.
	WaitMax time.Duration `config:"wait_max"`
}

// RateLimitConfig bounds the requests per second.
type RateLimitConfig struct {
	// Limit is the number of requests per second, 0 for no limit.
	Limit float64 `config:"limit"`
	// Burst is the number of requests that may follow each other without a wait.
	Burst int `config:"burst"`
}

// TracerConfig says whether and where each request and answer is written.
type TracerConfig struct {
	Enabled bool `config:"enabled"`
	// Filename lies in the logs directory; see TraceFile for what it may be.
	Filename string `config:"filename"`
	// MaxSize is the size in MB at which a new file is begun.
	MaxSize int `config:"maxsize"`
	// MaxBackups is the number of old files that are kept.
	MaxBackups int `config:"maxbackups"`
}

// DefaultConfig returns the defaults; url, the credentials and the data
// collection have none.
func DefaultConfig() Config {
	return Config{
		PageSize:    1000,
		FieldsParam: "*,attributes,sources",
		Request: RequestConfig{
			Timeout:     30 * time.Second,
			Retry:       RetryConfig{MaxAttempts: 5, WaitMin: time.Second, WaitMax: time.Minute},
			RateLimit:   RateLimitConfig{Limit: 0, Burst: 1},
			MaxBodySize: 256 << 20,
			Tracer:      TracerConfig{MaxSize: 1, MaxBackups: 5},
		},
	}
}

// ByteSize is a number of bytes, read from texts such as 256MiB, 64 MB or 1048576.
type ByteSize int64

// Unpack takes the size from a configuration.
func (s *ByteSize) Unpack(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 || strings.HasPrefix(strings.TrimSpace(text), "-") {
		return fmt.Errorf("%q is not a size, write a number with a unit, such as 256MiB", text)
	}
	*s = ByteSize(n)
	return nil
}

// String returns the size with a unit.
func (s ByteSize) String() string {
	if s < 0 {
		return fmt.Sprint(int64(s))
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(s)), " ", "")
}
