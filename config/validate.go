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
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/elastic/beats/v7/libbeat/common/fmtstr"
	"github.com/elastic/beats/v7/libbeat/processors"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

const (
	maxNamespaceBytes    = 100
	forbiddenInNamespace = `\/*?"<>|,#:`
)

// collectionID is what may stand in the path of the data endpoint. ThreatQ's
// own ids are hexadecimal.
var collectionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,255}$`)

// problems collects what is wrong with a configuration.
type problems []error

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, wrongf(path, format, args...))
}

// check refuses what can't work though each value by itself could. An error names a
// setting by its path within the input, with its value (never a secret) and what
// would be right. That a required setting is missing is said elsewhere.
func (in *Input) check() []error {
	var p problems
	if in.URL != "" {
		if _, err := in.BaseURL(); err != nil {
			p.add("url", "%w", err)
		}
	}
	in.checkAuth(&p)
	if id := in.DataCollectionID; id != "" && !collectionID.MatchString(id) {
		p.add("data_collection_id", "is %q, which can't be the hash of a data collection: "+
			"letters, digits, '-', '_' and '.' only; put it in quotes when it is made of digits", Shorten(id))
	}
	if strings.ContainsFunc(in.FieldsParam, unicode.IsControl) || len(in.FieldsParam) > 4096 {
		p.add("fields_param", "is %q, set it to a list such as %q", Shorten(in.FieldsParam), DefaultInput().FieldsParam)
	}
	if every := in.Reconcile.Interval; every != 0 && every < time.Second {
		p.add("reconcile.interval", "is %s: it must be at least 1s, such as 24h, or 0 for no sweeps", every)
	}
	for i, status := range in.ExpiredStatuses {
		if strings.TrimSpace(status) == "" {
			p.add(fmt.Sprintf("expired_statuses.%d", i), "is empty: it must be the name of a ThreatQ status, such as Expired")
		}
	}
	checkNamespace(&p, in.DataStream.Namespace)
	in.Request.checkProxy(&p)
	if r := in.Request.Retry; r.WaitMax < r.WaitMin {
		p.add("request.retry.wait_max", "is %v, set it to a duration from request.retry.wait_min (%v) to 1h", r.WaitMax, r.WaitMin)
	}
	if ssl := in.Request.SSL.Settings(); ssl != nil {
		for _, v := range ssl.Versions {
			if v < tlscommon.TLSVersion12 {
				p.add("request.ssl.supported_protocols", "holds %v, which is not secure: TLSv1.2 and TLSv1.3 can be used", v)
			}
		}
		p = append(p, checkTLS("request.ssl", ssl, in.Request.SSL.Load)...)
	}
	checkIndex(&p, in.Index)
	checkProcessors(&p, in.Processors)
	return p
}

func (in *Input) checkAuth(p *problems) {
	oauth2 := &in.Auth.OAuth2
	if id := oauth2.Client.ID; strings.ContainsFunc(id, unicode.IsControl) {
		p.add("auth.oauth2.client.id", "is %q, which holds control characters", Shorten(id))
	}
	if strings.ContainsFunc(oauth2.Client.Secret.Reveal(), unicode.IsControl) {
		p.add("auth.oauth2.client.secret", "holds control characters, perhaps a line break from a file")
	}
	if oauth2.TokenURL != "" {
		if _, err := ParseEndpoint(oauth2.TokenURL, in.Request, "https://threatq.example.com/api/token"); err != nil {
			p.add("auth.oauth2.token_url", "%w", err)
		}
	}
}

func (r *Request) checkProxy(p *problems) {
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
	case !validPort(u.Port()):
		p.add("request.proxy_url", "has a port above 65535, %s", right)
	}
}

// checkIndex refuses an index that Elasticsearch would refuse with each document.
func checkIndex(p *problems, index string) {
	if index == "" {
		return
	}
	if _, err := fmtstr.CompileEvent(index); err != nil {
		p.add("index", "is %q: %w; it must be a name such as my-indicators-%%{+yyyy.MM}", Shorten(index), err)
		return
	}
	if fixed := formats.ReplaceAllString(index, ""); strings.ToLower(fixed) != fixed {
		p.add("index", "is %q: an index has a name in lower case, such as %q", Shorten(index), strings.ToLower(fixed))
	}
}

// formats are the parts of an index that each event fills in.
var formats = regexp.MustCompile(`%\{[^}]*\}`)

func checkProcessors(p *problems, list []*config.C) {
	for i, processor := range list {
		// The log is for the processors that run, these only have to be possible.
		made, err := processors.New(processors.PluginConfig{processor}, logp.NewNopLogger())
		if err == nil {
			err = made.Close()
		}
		if path, reason, ok := unwrap(err); ok {
			if err = reason; path != "" {
				err = fmt.Errorf("%s: %w", path, reason)
			}
		}
		if err != nil {
			p.add(fmt.Sprintf("processors.%d", i), "can't be used: %w", err)
		}
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
	case !validPort(u.Port()):
		return nil, fmt.Errorf("is %q, whose port is above 65535, set it to an address such as %s", Shorten(address), example)
	case u.Hostname() == "":
		return nil, fmt.Errorf("is %q, which names no host, set it to an address such as %s", Shorten(address), example)
	}
	if u.Scheme == "http" && !r.AllowInsecureHTTP {
		const way = "use https://, or set request.allow_insecure_http: true if the network is trusted"
		switch {
		case !isLoopback(u.Hostname()):
			return nil, fmt.Errorf("is %q: over http:// the credentials would cross the network in the clear; %s", Shorten(address), way)
		case !r.ProxyDisable && !r.ProxyURL.IsZero():
			return nil, fmt.Errorf("is %q: through request.proxy_url the credentials would cross the network in the clear; %s", Shorten(address), way)
		}
	}
	return u, nil
}

// validPort reports whether port is "" or a number that a port can have.
func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
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

func checkNamespace(p *problems, namespace string) {
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
