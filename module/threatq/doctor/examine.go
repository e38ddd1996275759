// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// expiresSoon is how long before a certificate's end the report says so.
const expiresSoon = 30 * 24 * time.Hour

// Target is an input to examine, or to compare.
type Target struct {
	// Input is the input's configuration.
	Input config.Input
	// Original has Examine show the indicator as received, too.
	Original bool
	// Log gets what the client logs.
	Log *logp.Logger
	// UserAgent is sent with each request.
	UserAgent string
	// Now is the clock that certificates are judged by; nil for the real one.
	Now func() time.Time
}

// Examine takes all steps and reports. The error is for a configuration that no
// client can be made of; whatever goes wrong later is in the report.
func Examine(ctx context.Context, target Target) (*Report, error) {
	cfg := target.Input
	cfg.Request.Retry.MaxAttempts = 1
	cfg.Request.Tracer.Enabled = false
	cl, err := client.New(cfg, target.Log, client.Options{UserAgent: target.UserAgent})
	if err != nil {
		return nil, fmt.Errorf("input %q: %w", target.Input.ID, err)
	}
	defer cl.Close()

	if target.Now == nil {
		target.Now = time.Now
	}
	e := &examination{
		target:    target,
		client:    cl,
		endpoints: differing(cl.Endpoints()),
		report:    &Report{Input: target.Input.ID, URL: cfg.URL, DataCollectionID: cfg.DataCollectionID, Passed: true},
	}
	e.step(stepResolve, func() finding { return e.resolve(ctx) })
	e.step(stepConnect, func() finding { return e.connect(ctx) })
	e.step(stepTLS, func() finding { return e.handshake(ctx) })
	e.step(stepToken, func() finding { return e.token(ctx) })
	e.step(stepPage, func() finding { return e.readPage(ctx) })
	e.step(stepMap, func() finding { return e.mapPage() })
	e.page.Release()
	return e.report, nil
}

// examination is one Examine at work.
type examination struct {
	target    Target
	client    *client.Client
	endpoints []client.Endpoint
	report    *Report

	page    *client.Page
	fetched time.Time
}

// finding is what a step has found.
type finding struct {
	detail  string
	err     error
	skipped bool
}

// step takes a step, unless one before it has failed.
func (e *examination) step(name string, take func() finding) {
	if !e.report.Passed {
		e.report.Steps = append(e.report.Steps, Step{Name: name, Verdict: Skipped})
		return
	}
	start := time.Now()
	found := take()
	step := Step{Name: name, Verdict: OK, Duration: Duration(time.Since(start)), Detail: found.detail}
	switch {
	case found.err != nil:
		step.Verdict = Failed
		step.Detail, step.Advice = explain(found.err)
		e.report.Passed = false
	case found.skipped:
		step.Verdict, step.Duration = Skipped, 0
	}
	e.report.Steps = append(e.report.Steps, step)
}

// explain takes an error apart into the reason and what to do.
func explain(err error) (reason, advice string) {
	var known *client.Error
	if !errors.As(err, &known) {
		return err.Error(), ""
	}
	reason = known.Reason
	if known.RetryAfter > 0 {
		reason += fmt.Sprintf("; it asks to wait %v", known.RetryAfter.Round(time.Millisecond))
	}
	return reason, known.Hint
}

// differing leaves out an endpoint that is reached in the same way as the one
// before: the token endpoint is mostly on the appliance itself.
func differing(endpoints []client.Endpoint) []client.Endpoint {
	return slices.CompactFunc(endpoints, func(a, b client.Endpoint) bool {
		return a.Address == b.Address && a.URL.Scheme == b.URL.Scheme && a.URL.Host == b.URL.Host
	})
}

// each takes a step for each endpoint until one fails.
func (e *examination) each(take func(client.Endpoint) (string, error)) finding {
	var details []string
	for _, endpoint := range e.endpoints {
		detail, err := take(endpoint)
		if err != nil {
			return finding{err: err}
		}
		if !slices.Contains(details, detail) {
			details = append(details, detail)
		}
	}
	return finding{detail: strings.Join(details, "; ")}
}

func (e *examination) resolve(ctx context.Context) finding {
	return e.each(func(endpoint client.Endpoint) (string, error) {
		host, _, err := net.SplitHostPort(endpoint.Address)
		if err != nil {
			return "", fmt.Errorf("reading the address %s: %w", endpoint.Address, err)
		}
		if net.ParseIP(host) != nil {
			return host + " is an IP address", nil
		}
		addresses, err := e.client.Resolve(ctx, endpoint)
		if err != nil {
			return "", err
		}
		return host + " is " + strings.Join(addresses, ", "), nil
	})
}

func (e *examination) connect(ctx context.Context) finding {
	return e.each(func(endpoint client.Endpoint) (string, error) {
		if err := e.client.Connect(ctx, endpoint); err != nil {
			return "", err
		}
		if endpoint.Proxy != "" {
			return "to the proxy " + endpoint.Proxy, nil
		}
		return "to " + endpoint.Address, nil
	})
}

func (e *examination) handshake(ctx context.Context) finding {
	secured := false
	found := e.each(func(endpoint client.Endpoint) (string, error) {
		if endpoint.URL.Scheme != "https" {
			return "http:// has no TLS", nil
		}
		secured = true
		cert, err := e.client.Handshake(ctx, endpoint)
		if err != nil {
			return "", err
		}
		return e.describe(cert), nil
	})
	found.skipped = !secured
	return found
}

func (e *examination) describe(cert client.Certificate) string {
	subject := cert.Subject
	if subject == "" { // names alone do
		subject = strings.Join(cert.Names, ", ")
	}
	text := fmt.Sprintf("%s, certificate of %s, valid until %s", cert.Version, subject, cert.NotAfter.UTC().Format(time.DateOnly))
	if left := cert.NotAfter.Sub(e.target.Now()); left > 0 && left < expiresSoon {
		text += fmt.Sprintf(", which is in %d days", int(left/(24*time.Hour)))
	}
	if ssl := e.target.Input.Request.SSL.Settings(); ssl.IsEnabled() && ssl.VerificationMode == tlscommon.VerifyNone {
		text += ", not verified because of request.ssl.verification_mode: none"
	}
	return text
}

func (e *examination) token(ctx context.Context) finding {
	if err := e.client.Token(ctx); err != nil {
		return finding{err: err}
	}
	return finding{detail: "the appliance accepts the client's credentials"}
}

func (e *examination) readPage(ctx context.Context) finding {
	e.fetched = time.Now()
	page, err := e.client.Page(ctx, "")
	if err != nil {
		page.Release() // a truncated page comes with its error
		return finding{err: err}
	}
	e.page = page
	e.report.Read = len(page.Indicators)
	read := fmt.Sprintf("%s on the first page (%s)", humanize.Comma(int64(len(page.Indicators))), humanize.IBytes(uint64(page.Bytes)))
	total := page.Total
	if total < 0 {
		return finding{detail: read + ", the appliance does not say how many there are in all"}
	}
	e.report.Total = &total
	return finding{detail: english.Plural(int(total), "indicator", "") + " in all, " + read}
}

// mapPage maps the whole page as the input would before its processors, because one bad
// indicator is easily missed, and keeps the first that succeeds.
func (e *examination) mapPage() finding {
	if len(e.page.Indicators) == 0 {
		return finding{skipped: true, detail: "the data collection is empty"}
	}
	cfg := e.target.Input
	cfg.PreserveOriginalEvent = e.target.Original
	mapper := threat.NewMapper(threat.MapperConfigOf(&cfg))
	readable := 0
	var first error
	for _, raw := range e.page.Indicators {
		event, err := mapper.Event(raw, e.fetched)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		readable++
		if e.report.Indicator != nil {
			continue
		}
		fields := mapstr.M{"@timestamp": event.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z")}
		fields.Update(event.Fields)
		if e.report.Indicator, err = json.Marshal(fields); err != nil {
			return finding{err: fmt.Errorf("encoding an indicator: %w", err)}
		}
	}
	all := len(e.page.Indicators)
	if readable == 0 {
		return finding{err: &client.Error{
			Reason: fmt.Sprintf("none of %s can be read, the first because of: %s", english.Plural(all, "indicator", ""), first),
			Hint:   "check fields_param, and that data_collection_id names a data collection of indicators",
		}}
	}
	detail := fmt.Sprintf("%s of %s", humanize.Comma(int64(readable)), english.Plural(all, "indicator", ""))
	if first != nil {
		detail += fmt.Sprintf("; the others are published as pipeline errors, the first because of: %s", first)
	}
	return finding{detail: detail}
}
