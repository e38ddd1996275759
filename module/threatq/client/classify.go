// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// errStalled is what a body's reader returns when the body stopped arriving.
var errStalled = errors.New("the body stopped arriving")

// requestError turns an error of net/http into an Error. None of the
// original's text is shown unless it is known to be harmless: it repeats
// addresses, and pieces of what the other side sent.
func (c *Client) requestError(ctx context.Context, call *call, err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		if known.Op == "" {
			known.Op = call.op
		}
		return known
	}
	if ctx.Err() != nil {
		return canceled(ctx, call.op)
	}
	e := &Error{Op: call.op, Failure: FailureUnreachable}
	if c.classifyTLS(e, err) || c.classifyNet(e, err) {
		return e
	}
	e.Reason = "the request failed: " + scrub(innermost(err).Error())
	e.Hint = "check url and the network in between"
	return e
}

// classifyTLS fills in e when err comes from a TLS handshake. Another attempt
// would meet the same certificate.
func (c *Client) classifyTLS(e *Error, err error) bool {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		roots     x509.SystemRootsError
		record    tls.RecordHeaderError
		op        *net.OpError
	)
	const (
		trustHint = "put the certificate of the authority that issued it into request.ssl.certificate_authorities"
		dateHint  = "renew the appliance's certificate, and check this host's clock"
	)
	reason, hint := "", ""
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		reason, hint = expiry(invalid.Cert, c.now()), dateHint
	case errors.As(err, &invalid):
		reason, hint = "the appliance's certificate is not valid for this use", trustHint
	case errors.As(err, &authority):
		reason, hint = "the appliance's certificate is issued by an authority that is not trusted here", trustHint
	case errors.As(err, &hostname):
		reason = fmt.Sprintf("the appliance's certificate is not for the host %q", hostname.Host)
		if names := namesOf(hostname.Certificate); len(names) > 0 {
			reason += " but for " + config.Shorten(strings.Join(names, ", ")) // for the user to choose from
		}
		hint = "use one of its names in url, or, if it can't be otherwise, request.ssl.verification_mode: certificate"
	case errors.As(err, &roots):
		reason, hint = "this host has no list of trusted certificate authorities", trustHint
	case errors.Is(err, tlscommon.ErrCAPinMissmatch):
		reason, hint = "the appliance's certificate does not match request.ssl.ca_sha256", "check the pin"
	case errors.Is(err, tlscommon.ErrMissingPeerCertificate):
		reason = "the appliance shows no certificate"
	case errors.As(err, &record):
		reason, hint = "the other side does not speak TLS", "check the port in url, and whether it has to be http://"
	case errors.As(err, &op) && op.Op == "remote error":
		alert := clean(strings.TrimPrefix(op.Err.Error(), "tls: "))
		reason, hint = "the appliance ended the TLS handshake: "+alert, "check request.ssl"
		if strings.Contains(alert, "certificate") {
			hint = "it may want a client certificate: set request.ssl.certificate and request.ssl.key"
		}
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		reason, hint = "the other side does not speak TLS", "check the port in url, and whether it has to be http://"
	case tlsText(err) != "":
		// Also what was damaged on the way, so that another attempt may succeed.
		e.Reason, e.Hint = "the TLS connection failed: "+tlsText(err), "check request.ssl"
		return true
	default:
		return false
	}
	e.Failure, e.Reason, e.Hint = FailureTLS, reason, hint
	return true
}

func expiry(cert *x509.Certificate, now time.Time) string {
	switch {
	case cert == nil:
		return "the appliance's certificate has expired"
	case now.Before(cert.NotBefore):
		return fmt.Sprintf("the appliance's certificate is not valid before %s", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the appliance's certificate has expired on %s", cert.NotAfter.UTC().Format(time.RFC3339))
}

func namesOf(cert *x509.Certificate) (names []string) {
	for _, name := range cert.DNSNames {
		names = append(names, clean(name))
	}
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// tlsText returns the message of an error that crypto/tls raised itself; such
// errors have no type, and hold nothing that the other side sent.
func tlsText(err error) string {
	text := innermost(err).Error()
	if rest, ok := strings.CutPrefix(text, "tls: "); ok {
		return rest
	}
	if rest, ok := strings.CutPrefix(text, "x509: "); ok {
		return clean(rest)
	}
	return ""
}

// classifyNet fills in e when err comes from the connection.
func (c *Client) classifyNet(e *Error, err error) bool {
	const lookHint = "check that the appliance is running and that nothing in between blocks the connection"
	var (
		dns     *net.DNSError
		op      *net.OpError
		timeout interface{ Timeout() bool }
	)
	where := "the appliance"
	if errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect") || c.proxied && errors.As(err, &op) && op.Op == "dial" {
		where = "the proxy"
	}
	to := ""
	for inner := op; inner != nil; {
		if inner.Addr != nil {
			to = " at " + inner.Addr.String()
		}
		next := inner.Err
		if inner = nil; !errors.As(next, &inner) {
			break
		}
	}
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Reason = fmt.Sprintf("the host name %q of %s is not known to the DNS server", clean(dns.Name), where)
		e.Hint = "check the host in url and this host's DNS settings"
	case errors.As(err, &dns):
		e.Reason = fmt.Sprintf("the host name %q of %s can't be resolved, the DNS server gives no answer", clean(dns.Name), where)
		e.Hint = "check this host's DNS settings"
	case errors.Is(err, errStalled):
		e.Reason = fmt.Sprintf("the answer stopped arriving, nothing came for %v (request.timeout)", c.cfg.Request.Timeout)
		e.Hint = "check the appliance's load and the network in between, or lower page_size"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Reason, e.Hint = where+to+" refuses the connection", lookHint
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		e.Reason, e.Hint = "there is no route to "+where+to, lookHint
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		e.Reason, e.Hint = where+" reset the connection", lookHint
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Reason, e.Hint = where+" closed the connection before the answer was complete", lookHint
	case strings.Contains(err.Error(), "awaiting response headers"):
		e.Reason = fmt.Sprintf("the appliance accepts the request but gives no answer within %v (request.timeout)", c.cfg.Request.Timeout)
		e.Hint = "check the appliance's load, lower page_size or raise request.timeout"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Reason = fmt.Sprintf("%s gives no answer within %v (request.timeout)", where+to, c.cfg.Request.Timeout)
		e.Hint = lookHint
	case strings.Contains(err.Error(), "malformed HTTP"):
		e.Failure, e.Reason = FailureAnswer, "the other side does not speak HTTP"
		e.Hint = "check the port in url, and whether it has to be https://"
	case where == "the proxy" || c.proxied:
		e.Reason = "the proxy does not connect: " + scrub(innermost(err).Error())
		e.Hint = "check request.proxy_url and the proxy's rules"
	default:
		return false
	}
	return true
}

// innermost returns the error at the end of the chain.
func innermost(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}

// scrub makes a text from outside fit to be shown: known secrets and control
// characters are replaced, and its length is bounded.
func scrub(text string) string {
	return clean(secrets.Hide(text))
}

// clean replaces control characters and bounds the length.
func clean(text string) string {
	return config.Shorten(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, text))
}
