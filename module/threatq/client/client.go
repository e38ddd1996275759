// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"
	"github.com/elastic/elastic-agent-libs/paths"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// StartMark is the cursor mark that stands for the beginning of a collection.
const StartMark = "*"

// Client reads one data collection of one appliance. It is safe for concurrent use.
type Client struct {
	cfg       config.Input
	log       *logp.Logger
	metrics   *metrics
	now       func() time.Time
	userAgent string

	tokenURL *url.URL
	dataURL  *url.URL

	dial       dialFunc
	tls        *tlscommon.TLSConfig
	transports transports
	proxied    bool
	http       *http.Client
	limiter    *rate.Limiter // nil for no limit
	tokens     *tokenSource
	tracer     *tracer // nil unless enabled
	buffers    buffers
	newReader  func() Reader
}

// Options are what a Client needs and no configuration says.
type Options struct {
	// Metrics is where the metrics are registered; nil for nowhere.
	Metrics *monitoring.Registry
	// UserAgent is the header User-Agent.
	UserAgent string
	// LogsDir is the directory of the trace files, the Beat's logs directory unless
	// it is set.
	LogsDir string
	// NewReader makes a Reader for each page that is held at a time; nil for none.
	NewReader func() Reader
}

// New returns a Client for a configuration that has been checked. It sends nothing.
// Close it to free its connections.
func New(cfg config.Input, log *logp.Logger, opts Options) (*Client, error) {
	c := &Client{
		cfg:       cfg,
		log:       log.Named("client"),
		metrics:   newMetrics(opts.Metrics),
		now:       time.Now,
		userAgent: cmp.Or(opts.UserAgent, "threatqbeat"),
		newReader: opts.NewReader,
	}
	base, err := cfg.BaseURL()
	if err != nil {
		return nil, fmt.Errorf("url %w", err)
	}
	c.dataURL = base.JoinPath("api/indicators/query/hash", cfg.DataCollectionID)
	c.tokenURL = base.JoinPath("api/token")
	if address := cfg.Auth.OAuth2.TokenURL; address != "" {
		if c.tokenURL, err = config.ParseEndpoint(address, cfg.Request, c.tokenURL.String()); err != nil {
			return nil, fmt.Errorf("auth.oauth2.token_url %w", err)
		}
	}
	if err := c.newTransports(c.dataURL, c.tokenURL); err != nil {
		return nil, err
	}
	c.proxied = c.transports.proxyOf(c.dataURL) != nil || c.transports.proxyOf(c.tokenURL) != nil
	c.learnSecrets()
	if l := cfg.Request.RateLimit; l.Limit > 0 {
		c.limiter = rate.NewLimiter(rate.Limit(l.Limit), l.Burst)
	}
	if c.tracer, err = newTracer(c, cmp.Or(opts.LogsDir, paths.Resolve(paths.Logs, ""))); err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: roundTripper{c}, CheckRedirect: checkRedirect}
	c.tokens = newTokenSource(c)

	if ssl := cfg.Request.SSL.Settings(); ssl != nil && ssl.VerificationMode == tlscommon.VerifyNone {
		c.log.Warnw("Certificates are not checked: anybody in between can read the credentials. "+
			"Remove request.ssl.verification_mode: none", "server.address", c.dataURL.Host)
	}
	return c, nil
}

// Page reads the page that follows a cursor mark; "" and "*" stand for the
// beginning. It asks for a token when there is none, and repeats what fails as
// request.retry says.
//
// The error is always an *Error. A page may come with it: when the last
// attempt gave an answer that breaks off or isn't valid JSON, Page.Truncated
// is set and the page holds those indicators that could be read. They may be
// published, but the cursor must stay, because the page has no NextCursorMark.
// Every page that is returned has to be released.
func (c *Client) Page(ctx context.Context, mark string) (*Page, error) {
	return c.PageOf(ctx, mark, c.cfg.FieldsParam)
}

// PageOf does the same with the parameter fields instead of the setting
// fields_param. An appliance may ignore it and send everything. The marks are
// those of Page.
func (c *Client) PageOf(ctx context.Context, mark, fields string) (*Page, error) {
	if mark == "" {
		mark = StartMark
	}
	for renewed := false; ; renewed = true {
		token, err := c.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		page, err := c.fetch(ctx, mark, fields, token)
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusUnauthorized {
			return page, err
		}
		// Expired early, or revoked. When the new one is refused as well, the
		// call fails, and the next call begins with another.
		c.tokens.discard(token)
		if renewed {
			return page, err
		}
		c.log.Debugw("The appliance refuses the token, requesting a new one")
	}
}

// maxErrorBody is how much of the body of an error status is read.
const maxErrorBody = 16 << 10

func (c *Client) fetch(ctx context.Context, mark, fields, token string) (*Page, error) {
	call := &call{op: "reading a page of data collection " + c.cfg.DataCollectionID + " from " + c.dataURL.Host, mark: mark}

	address := *c.dataURL
	query := url.Values{
		"sort":       {"updated_at"},
		"limit":      {strconv.Itoa(c.cfg.PageSize)},
		"cursorMark": {mark},
	}
	if fields != "" {
		query.Set("fields", fields)
	}
	address.RawQuery = query.Encode()
	var page *Page
	defer func() {
		if call.large {
			<-largePage
		}
	}()
	attempt := func(ctx context.Context) error {
		page.Release()
		page = nil
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := c.http.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode > 299 {
			body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
			return c.statusError(call, resp, body)
		}
		if page, err = c.readPage(resp, call); errors.Is(err, errBeside) {
			return err
		} else if err != nil {
			e := c.requestError(ctx, call, err)
			e.Status = resp.StatusCode
			return e
		}
		return nil
	}
	err := c.do(ctx, call, func(ctx context.Context) error {
		err := attempt(ctx)
		if !errors.Is(err, errBeside) {
			return err
		}
		// Asked for again, because the appliance need not wait for others' pages.
		select {
		case largePage <- struct{}{}:
			call.large = true
		case <-ctx.Done():
			return ctx.Err()
		}
		return attempt(ctx)
	})
	if err != nil {
		if page != nil && !page.Truncated || ctx.Err() != nil {
			page.Release()
			page = nil
		}
		return page, err
	}
	c.metrics.pages.Inc()
	return page, nil
}

// Token makes sure that there is a valid token, requesting one where needed.
func (c *Client) Token(ctx context.Context) error {
	_, err := c.tokens.get(ctx)
	return err
}

// Close closes idle connections and the trace file. A request that is running
// is not ended; cancel its context for that.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.tracer.close()
}

// metrics counts what a Client does; docs/monitoring.md says what each counts.
type metrics struct {
	requests, failed, retries, pages, bytes      *monitoring.Uint
	tokens, tokenErrors, tooMany, rateLimitWaits *monitoring.Uint
	status                                       [6]*monitoring.Uint // by the first digit
}

func newMetrics(reg *monitoring.Registry) *metrics {
	if reg == nil {
		reg = monitoring.NewRegistry()
	}
	m := &metrics{
		requests:       monitoring.NewUint(reg, "http_requests_total"),
		failed:         monitoring.NewUint(reg, "http_errors_total"),
		retries:        monitoring.NewUint(reg, "http_retries_total"),
		pages:          monitoring.NewUint(reg, "pages_received_total"),
		bytes:          monitoring.NewUint(reg, "bytes_received_total"),
		tokens:         monitoring.NewUint(reg, "tokens_requested_total"),
		tokenErrors:    monitoring.NewUint(reg, "token_errors_total"),
		tooMany:        monitoring.NewUint(reg, "http_too_many_requests_total"),
		rateLimitWaits: monitoring.NewUint(reg, "http_rate_limit_waits_total"),
	}
	for digit := 1; digit < len(m.status); digit++ {
		m.status[digit] = monitoring.NewUint(reg, fmt.Sprintf("http_responses_%dxx_total", digit))
	}
	return m
}

func (m *metrics) response(status int) {
	if digit := status / 100; digit >= 1 && digit < len(m.status) {
		m.status[digit].Inc()
	}
	if status == http.StatusTooManyRequests {
		m.tooMany.Inc()
	}
}

// learnSecrets makes known what is sent and must not be shown.
func (c *Client) learnSecrets() {
	id, secret := c.cfg.Auth.OAuth2.Client.ID, c.cfg.Auth.OAuth2.Client.Secret.Reveal()
	secrets.LearnPair(id, secret)
	secrets.LearnPair(url.QueryEscape(id), url.QueryEscape(secret)) // as oauth2 sends them
	for _, value := range c.cfg.Request.ProxyHeaders {
		secrets.Learn(value.Reveal())
	}
	for _, address := range []*url.URL{c.dataURL, c.tokenURL} {
		if proxy := c.transports.proxyOf(address); proxy != nil && proxy.User != nil {
			password, _ := proxy.User.Password()
			secrets.LearnPair(proxy.User.Username(), password)
		}
	}
}

// conceal makes secrets unreadable in what is no indicator. An appliance, or
// something in between, that repeats in its answer what it was sent must not
// make an event of it. To search whole pages would cost a fifth of the speed.
func conceal(body []byte) { copy(body, secrets.Conceal(string(body))) }
