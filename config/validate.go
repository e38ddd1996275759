// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/elastic/elastic-agent-libs/file"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

const (
	maxPageSize    = 10_000
	maxAttempts    = 100
	minBodySize    = 1 << 10
	maxBodySize    = 1 << 30
	maxTraceSizeMB = 1024
	longest        = time.Hour
	minInterval    = time.Second

	maxNamespaceBytes    = 100
	forbiddenInNamespace = `\/*?"<>|,#:`
)

// collectionID is what may stand in the path of the data endpoint. ThreatQ's
// own ids are hexadecimal.
var collectionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,255}$`)

// problems collects the refusals of a configuration.
type problems []error

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s %w", path, fmt.Errorf(format, args...)))
}

// Validate refuses what can't work. The error names every wrong setting by its
// path within the input, with its value (never a secret) and what would be right.
func (in *Input) Validate() error {
	var p problems

	if _, err := in.BaseURL(); err != nil {
		p.add("url", "%w", err)
	}
	in.validateAuth(&p)

	switch {
	case in.DataCollectionID == "":
		p.add("data_collection_id", "is missing, set it to the hash of a data collection, such as 0123456789abcdef")
	case !collectionID.MatchString(in.DataCollectionID):
		p.add("data_collection_id", "is %q, which can't be the hash of a data collection: "+
			"letters, digits, '-', '_' and '.' only; put it in quotes when it is made of digits", Shorten(in.DataCollectionID))
	}
	if in.PageSize < 1 || in.PageSize > maxPageSize {
		p.add("page_size", "is %d, set it to a number from 1 to %d", in.PageSize, maxPageSize)
	}
	if strings.ContainsFunc(in.FieldsParam, unicode.IsControl) || len(in.FieldsParam) > 4096 {
		p.add("fields_param", "is %q, set it to a list such as %q", Shorten(in.FieldsParam), DefaultInput().FieldsParam)
	}
	in.Request.validate(&p)
	if strings.TrimSpace(in.ID) == "" {
		p.add("id", "is missing: give the input a name of its own, such as threatq-default; the cursor is saved under it")
	}
	if in.Interval < minInterval {
		p.add("interval", "is %s: it must be at least %s, such as 1m", in.Interval, minInterval)
	}
	if every := in.Reconcile.Interval; every != 0 && every < minInterval {
		p.add("reconcile.interval", "is %s: it must be at least %s, such as 24h, or 0 for no sweeps", every, minInterval)
	}
	for i, status := range in.ExpiredStatuses {
		if strings.TrimSpace(status) == "" {
			p.add(fmt.Sprintf("expired_statuses.%d", i), "is empty: it must be the name of a ThreatQ status, such as Expired")
		}
	}
	validateNamespace(&p, in.DataStream.Namespace)
	return Join(p...)
}

func (in *Input) validateAuth(p *problems) {
	oauth2 := &in.Auth.OAuth2
	switch id := oauth2.Client.ID; {
	case id == "":
		p.add("auth.oauth2.client.id", "is missing, set it to the id of an API client of ThreatQ")
	case strings.ContainsFunc(id, unicode.IsControl):
		p.add("auth.oauth2.client.id", "is %q, which holds control characters", Shorten(id))
	}
	switch secret := oauth2.Client.Secret.Reveal(); {
	case secret == "":
		p.add("auth.oauth2.client.secret", "is missing, set it to the secret of an API client of ThreatQ, best from the keystore or the environment")
	case strings.ContainsFunc(secret, unicode.IsControl):
		p.add("auth.oauth2.client.secret", "holds control characters, perhaps a line break from a file")
	}
	if oauth2.TokenURL != "" {
		if _, err := ParseEndpoint(oauth2.TokenURL, in.Request, "https://threatq.example.com/api/token"); err != nil {
			p.add("auth.oauth2.token_url", "%w", err)
		}
	}
}

func (r *Request) validate(p *problems) {
	if r.Timeout <= 0 || r.Timeout > longest {
		p.add("request.timeout", "is %v, set it to a duration above 0 and up to 1h, such as 30s", r.Timeout)
	}
	r.validateProxy(p)
	r.validateSSL(p)

	if n := r.Retry.MaxAttempts; n < 1 || n > maxAttempts {
		p.add("request.retry.max_attempts", "is %d, set it to a number from 1 (no retry) to %d", n, maxAttempts)
	}
	if w := r.Retry.WaitMin; w <= 0 || w > longest {
		p.add("request.retry.wait_min", "is %v, set it to a duration above 0 and up to 1h, such as 1s", w)
	}
	if w := r.Retry.WaitMax; w < r.Retry.WaitMin || w > longest {
		p.add("request.retry.wait_max", "is %v, set it to a duration from request.retry.wait_min (%v) to 1h", w, r.Retry.WaitMin)
	}
	if l := r.RateLimit.Limit; !(l >= 0 && l <= 10_000) {
		p.add("request.rate_limit.limit", "is %v, set it to requests per second up to 10000, or to 0 for no limit", l)
	}
	if b := r.RateLimit.Burst; b < 1 || b > 10_000 {
		p.add("request.rate_limit.burst", "is %d, set it to a number from 1 to 10000", b)
	}
	if s := r.MaxBodySize; s < minBodySize || s > maxBodySize {
		p.add("request.max_body_size", "is %v, set it to a size from %v to %v, such as 256MiB", s, ByteSize(minBodySize), ByteSize(maxBodySize))
	}
	if s := r.Tracer.Maxsize; s < 1 || s > maxTraceSizeMB {
		p.add("request.tracer.maxsize", "is %d, set it to a size in MB from 1 to %d", s, maxTraceSizeMB)
	}
	if b := r.Tracer.Maxbackups; b < 0 || b > file.MaxBackupsLimit {
		p.add("request.tracer.maxbackups", "is %d, set it to a number of files from 0 to %d", b, file.MaxBackupsLimit)
	}
}

func (r *Request) validateProxy(p *problems) {
	if r.ProxyURL.IsZero() {
		return
	}
	const right = "set it to an address such as http://proxy.example.com:3128"
	u, err := r.ProxyURL.URL()
	switch {
	case err != nil:
		p.add("request.proxy_url", "can't be read (%w), %s", err, right)
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		p.add("request.proxy_url", "doesn't begin with http://, https:// or socks5://, %s", right)
	case u.Hostname() == "":
		p.add("request.proxy_url", "names no host, %s", right)
	}
}

// usesProxy reports whether a proxy is set that can be used.
func (r *Request) usesProxy() bool {
	if r.ProxyDisable || r.ProxyURL.IsZero() {
		return false
	}
	_, err := r.ProxyURL.URL()
	return err == nil
}

func (r *Request) validateSSL(p *problems) {
	settings := r.SSL.Settings()
	if settings == nil {
		return
	}
	for _, v := range settings.Versions {
		if v < tlscommon.TLSVersion12 {
			p.add("request.ssl.supported_protocols", "holds %v, which is not secure: TLSv1.2 and TLSv1.3 can be used", v)
		}
	}
	if _, err := tlscommon.LoadTLSConfig(settings, logp.NewNopLogger()); err != nil {
		// The error names the reader of a file even where opening it failed.
		p.add("request.ssl", "can't be used: %s", strings.ReplaceAll(err.Error(), " reading <nil>", ""))
	}
}

// BaseURL returns the appliance's address without a trailing slash or /api.
func (in *Input) BaseURL() (*url.URL, error) {
	const example = "https://threatq.example.com"
	if in.URL == "" {
		return nil, fmt.Errorf("is missing, set it to the address of the appliance, such as %s", example)
	}
	u, err := ParseEndpoint(in.URL, in.Request, example)
	if err != nil {
		return nil, err
	}
	path := strings.TrimRight(u.Path, "/")
	path = strings.TrimRight(strings.TrimSuffix(path, "/api"), "/")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

// Address returns the appliance's address in its one form, without a trailing
// slash or /api; a URL that Validate refuses is returned as it is.
func (in *Input) Address() string {
	u, err := in.BaseURL()
	if err != nil {
		return in.URL
	}
	return u.String()
}

// ParseEndpoint accepts an address that credentials may be sent to. Its errors
// continue a sentence that begins with the setting's path.
func ParseEndpoint(address string, r Request, example string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The address may be unreadable because of a password in it.
		return nil, fmt.Errorf("can't be read (%w), set it to an address such as %s", parseReason(err), example)
	}
	if u.User != nil {
		return nil, fmt.Errorf("holds a user name or a password, which don't belong there: credentials go to auth.oauth2.client")
	}
	switch {
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(address, "#"):
		// Not shown: some put keys there.
		return nil, fmt.Errorf("holds a '?' or a '#', set it to an address without, such as %s", example)
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return nil, fmt.Errorf("is %q, which doesn't begin with https://, set it to an address such as %s", Shorten(address), example)
	case u.Hostname() == "":
		return nil, fmt.Errorf("is %q, which names no host, set it to an address such as %s", Shorten(address), example)
	}
	if u.Scheme == "http" && !r.AllowInsecureHTTP {
		const way = "use https://, or set request.allow_insecure_http: true if the network is trusted"
		switch {
		case !isLoopback(u.Hostname()):
			return nil, fmt.Errorf("is %q: over http:// the credentials would cross the network in the clear; %s", Shorten(address), way)
		case r.usesProxy():
			return nil, fmt.Errorf("is %q: through request.proxy_url the credentials would cross the network in the clear; %s", Shorten(address), way)
		}
	}
	return u, nil
}

// isLoopback reports whether a host is this one, judged by its name: resolving
// it would leave the decision to the DNS server.
func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// parseReason returns what is wrong with an address, without the address.
func parseReason(err error) error {
	var parse *url.Error
	if !errors.As(err, &parse) {
		return errors.New("not an address")
	}
	// Below, the error may quote a part of the address: an invalid escape or a
	// port, either of which can be a piece of a password.
	text := parse.Err.Error()
	if before, _, found := strings.Cut(text, " \""); found {
		text = before
	}
	return errors.New(text)
}

// Shorten bounds a value that is shown.
func Shorten(value string) string {
	const limit = 200
	if len(value) <= limit {
		return value
	}
	return strings.ToValidUTF8(value[:limit], "") + "..."
}

func validateNamespace(p *problems, namespace string) {
	const path = "data_stream.namespace"
	blank := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	switch {
	case namespace == "":
		p.add(path, "is empty: it must be a lower-case name such as default")
	case len(namespace) > maxNamespaceBytes:
		p.add(path, "is %d bytes long: it must be at most %d", len(namespace), maxNamespaceBytes)
	case strings.ToLower(namespace) != namespace || strings.ContainsAny(namespace, forbiddenInNamespace) || strings.ContainsFunc(namespace, blank):
		p.add(path, "is %q: it must be in lower case and free of %s, spaces and control characters, such as default", namespace, forbiddenInNamespace)
	}
}
