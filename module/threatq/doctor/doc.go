// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor walks the way from this host to one data collection, step by
// step, and tells where it ends: the command test input.
//
// The steps are those that collecting takes: resolving the host's name (or its
// proxy's), connecting, the TLS handshake, a token, one page, and mapping its
// indicators to ECS. Each step has a verdict, a duration and, when it fails,
// the reason and what to do. What follows a failed step is skipped.
//
// The client that collects is the one that is examined, with its proxy, TLS and
// timeout settings, but for two: nothing is repeated, so that the first failure
// shows at once, and the request tracer stays off, because its file may belong to a
// beat that is running.
//
// A Verifier compares what the data collections hold with what Elasticsearch holds
// under the alias of the active indicators: the command verify. Both sides are read
// in the order of the identifiers, so that only the identifiers, versions and
// expirations of the collections are kept, 24 bytes for each indicator.
//
// A Report holds no secret: what it says of failures are the client's own
// sentences, and of indicators what a beat would publish.
package doctor
