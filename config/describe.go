// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"slices"
	"time"

	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// Describe returns the settings by their paths, for somebody who looks for a
// fault. Only what is listed here is shown: of secrets, whether they are set.
func (in *Input) Describe() map[string]any {
	request := &in.Request
	oauth2 := &in.Auth.OAuth2
	settings := map[string]any{
		"id":                          in.ID,
		"url":                         in.URL,
		"data_collection_id":          in.DataCollectionID,
		"auth.oauth2.client.id":       oauth2.Client.ID,
		"auth.oauth2.client.secret":   set(!oauth2.Client.Secret.IsZero()),
		"interval":                    in.Interval.String(),
		"page_size":                   in.PageSize,
		"fields_param":                in.FieldsParam,
		"ioc_expiration_duration":     time.Duration(in.IOCExpirationDuration).String(),
		"expired_statuses":            in.ExpiredStatuses,
		"reconcile.interval":          in.Reconcile.Interval.String(),
		"reconcile.max_removed":       in.Reconcile.MaxRemoved.String(),
		"preserve_original_event":     in.PreserveOriginalEvent,
		"request.timeout":             request.Timeout.String(),
		"request.proxy_disable":       request.ProxyDisable,
		"request.retry.max_attempts":  request.Retry.MaxAttempts,
		"request.retry.wait_min":      request.Retry.WaitMin.String(),
		"request.retry.wait_max":      request.Retry.WaitMax.String(),
		"request.rate_limit.limit":    request.RateLimit.Limit,
		"request.rate_limit.burst":    request.RateLimit.Burst,
		"request.max_body_size":       request.MaxBodySize.String(),
		"request.tracer.enabled":      request.Tracer.Enabled,
		"request.allow_insecure_http": request.AllowInsecureHTTP,
	}
	if oauth2.TokenURL != "" {
		settings["auth.oauth2.token_url"] = oauth2.TokenURL
	}
	if request.Tracer.Enabled {
		settings["request.tracer.filename"] = request.Tracer.Filename
	}
	if !request.ProxyURL.IsZero() {
		settings["request.proxy_url"] = request.ProxyURL.String() // without user and password
	}
	if len(request.ProxyHeaders) > 0 {
		settings["request.proxy_headers"] = slices.Sorted(maps.Keys(request.ProxyHeaders)) // names only
	}
	if ssl := request.SSL.Settings(); ssl != nil {
		describeSSL(settings, ssl)
	}
	return settings
}

// describeSSL shows how the appliance's certificate is checked. Certificates and
// keys may stand in the configuration themselves, so only their number is shown.
func describeSSL(settings map[string]any, ssl *tlscommon.Config) {
	settings["request.ssl.verification_mode"] = ssl.VerificationMode.String()
	settings["request.ssl.certificate_authorities"] = len(ssl.CAs)
	settings["request.ssl.ca_sha256"] = len(ssl.CASha256)
	settings["request.ssl.certificate"] = set(ssl.Certificate.Certificate != "")
	settings["request.ssl.key"] = set(ssl.Certificate.Key != "")
}

func set(is bool) string {
	if is {
		return "(set)"
	}
	return "(not set)"
}
