// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package simulator is a ThreatQ appliance in one package: an http.Handler with the token endpoint and the data
// collection endpoint of the ThreatQ API, sample indicators, and faults on demand. The demo and simulate commands,
// the tests and the benchmarks collect from it over ordinary HTTP and OAuth2.
//
// # Content
//
// An indicator is computed from the seed and its index each time it is served. Only what differs from that (updates,
// overrides, removals, additions) is stored, so a collection of a million indicators takes next to no memory. The same
// Config gives the same bytes, provided that BaseTime is set: dates are relative to it. All values come from ranges
// that are reserved for documentation.
//
// # Cursor
//
// A collection is ordered by (updated_at, id), and a mark names a place in that order, as in Solr. A page holds what
// follows the mark that was sent, and its nextCursorMark names the last indicator of the page. An empty page returns
// the mark that was sent. An update gives its indicator an updated_at that is later than everything served so far, so
// it comes behind every mark that was handed out. Dates have a resolution of one second, so updated_at runs ahead of
// the clock when updates and requests alternate quickly.
//
// Leave and Join change what the collection holds without an update: no mark leads to what joined, and none says what left,
// as when the filter of an appliance is changed.
//
// # Faults
//
// Inject arms faults: they answer some of the coming requests in a wrong way, then the simulator answers correctly again.
//
// # Concurrency
//
// All methods of Simulator and Server may be called at any time from any goroutine.
package simulator
