// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package client reads data collections from a ThreatQ appliance: OAuth2
// client credentials, pages along a Solr cursor, retries, rate limits. It knows
// HTTP and what an answer looks like from outside, and nothing of indicators
// or events.
//
// # Pages
//
// Client.Page returns the page behind a cursor mark. The page's Indicators are
// slices of the answer itself, one for each element, found in one pass and not
// decoded; the caller decodes them once. NextCursorMark leads on until
// Page.Last says that nothing follows for now; the same mark yields later what
// has been created or updated since.
//
// A page counts when its whole body has arrived and is valid JSON to its end;
// reading and checking it is a part of each attempt. When the last attempt still
// gives a damaged answer, there are two cases. If brackets and quotes show where
// every indicator begins and ends, the page is returned as usual, because asking
// again would give the same; the damaged indicators are among its elements. If
// not, those that can be read are returned as a truncated page beside the error,
// and the cursor has to stay.
//
// # Attempts
//
// A request is repeated as request.retry says after the failures that retry.go
// lists: connection errors, bodies that break off or stall or aren't a page,
// 429 and 5xx. Waits double from wait_min to wait_max, with a random part added; a
// Retry-After up to maxRetryAfter is honoured instead. Everything else fails at once:
// what a user has to mend doesn't mend itself within a minute. A 401 for a page gets one
// new token and the page is asked for again. A mark counts as rejected when the appliance
// says so twice, as JSON. The end of the context ends everything at once.
//
// request.timeout bounds each single wait and not the whole: connecting, the TLS
// handshake, the headers, and the time in which a body makes no progress. A body
// makes progress with 1 KiB per second on average, so that neither a big page on a
// slow line is cut nor an appliance can hold a request for ever.
//
// # Credentials
//
// The client's secret goes to the token endpoint and tokens to the data endpoint,
// over https (or http to this host, or where request.allow_insecure_http permits
// it). Redirects are followed within the same scheme, host and port only.
// Certificates are checked behind proxies as well. No error, log line, metric or
// trace holds a secret: the errors of net/http and oauth2 are never shown, and texts
// from outside are searched for secrets before they are.
package client
