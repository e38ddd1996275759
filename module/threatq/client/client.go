// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
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
	"github.com/elastic/elastic-agent-libs/paths"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
)

// StartMark is the cursor mark that stands for the beginning of a collection.
const StartMark = "*"

// Client reads one data collection of one appliance. It is safe for concurrent use.
type Client struct {
	cfg       config.Input
	log       *logp.Logger
	metrics   *Metrics
	now       func() time.Time
	userAgent string
	id        string
	logsDir   string

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
	secrets    secrets
	buffers    buffers
}

// Option sets something about a Client that no configuration does.
type Option func(*Client)

// WithMetrics makes the Client count into m, which may be nil.
func WithMetrics(m *Metrics) Option { return func(c *Client) { c.metrics = m } }

// WithClock replaces time.Now for token expiry, Retry-After and certificates.
func WithClock(now func() time.Time) Option { return func(c *Client) { c.now = now } }

// WithUserAgent sets the header User-Agent.
func WithUserAgent(text string) Option { return func(c *Client) { c.userAgent = text } }

// WithInputID sets the id of the input, which names its trace file.
func WithInputID(id string) Option { return func(c *Client) { c.id = id } }

// WithLogsDir sets the directory that trace files lie in, the Beat's logs
// directory by default.
func WithLogsDir(dir string) Option { return func(c *Client) { c.logsDir = dir } }

// New returns a Client for a configuration that has been checked. It sends nothing.
// Close it to free its connections.
func New(cfg config.Input, log *logp.Logger, opts ...Option) (*Client, error) {
	c := &Client{
		cfg:       cfg,
		log:       log.Named("client"),
		now:       time.Now,
		userAgent: "threatqbeat",
		logsDir:   paths.Resolve(paths.Logs, ""),
	}
	for _, opt := range opts {
		opt(c)
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
	c.keepSecrets()
	if l := cfg.Request.RateLimit; l.Limit > 0 {
		c.limiter = rate.NewLimiter(rate.Limit(l.Limit), l.Burst)
	}
	if c.tracer, err = newTracer(c); err != nil {
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
		var e *Error
		if !errors.As(err, &e) || e.Status != http.StatusUnauthorized {
			return page, err
		}
		// Expired before its time, or revoked. A second refusal is no accident,
		// but the next call begins with a new token all the same.
		c.tokens.discard(token)
		if renewed {
			return page, err
		}
		c.log.Debugw("The appliance refuses the token, requesting a new one")
	}
}

// maxRefusal is how much of the body of an error status is read.
const maxRefusal = 16 << 10

// fetch reads one page with a token.
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
	err := c.do(ctx, call, func(ctx context.Context) error {
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
			body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
			return c.statusError(call, resp, body)
		}
		if page, err = c.readPage(resp, call); err != nil {
			e := c.requestError(ctx, call, err)
			e.Status = resp.StatusCode
			return e
		}
		return nil
	})
	if err != nil {
		if page != nil && !page.Truncated || ctx.Err() != nil {
			page.Release()
			page = nil
		}
		return page, err
	}
	c.metrics.page()
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
