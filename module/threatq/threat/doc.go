// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package threat is the threat data stream: it collects the indicators of a
// ThreatQ data collection and maps each to an event.
//
// # From indicator to event
//
// A [Mapper] turns the JSON of one indicator, as ThreatQ sent it, into one
// event. Its contract:
//
//   - Each indicator becomes exactly one event. One that can't be read (no
//     JSON, no object, neither id nor indicator_id) becomes an event with
//     event.kind pipeline_error, the reason in error.message and the text in
//     event.original.
//   - A field that can't be read costs only itself. It is left out,
//     error.message says so, and event.kind stays enrichment. The same goes for
//     a value that its ECS field can't hold, because Elasticsearch would refuse the
//     document for it.
//   - Nothing of an event refers to the bytes that it was made of: the caller may
//     reuse them. No two events share a map or a list, so that processors may change
//     the events. Direct events share some, because no processor sees them: see
//     [Processing].
//   - Every string is valid UTF-8, every date lies in the years 1 to 9999, and
//     no key has a dot. Whatever is sent costs bounded time and memory:
//     the constants beside the type indicator are the bounds, and error.message
//     says what was cut.
//   - The mapper sets what it knows of the indicator. agent.*, ecs.*, input.*
//     and the configured tags come from Libbeat.
//
// What is usual with ThreatQ is no problem and not mentioned: integers and
// scores as numbers or strings, a type or a status as a plain string in the
// place of an object, null or "" for nothing, dates in several forms and the
// several ways in which databases write that there is none, numbers and
// booleans in the place of text, a list with gaps as an object, unknown keys.
// Where a key occurs twice the last one counts.
//
// The decoder is written by hand on a scanner that checks all of the JSON and
// builds only what is needed; docs/performance.md says what that is worth.
//
// # Expiration
//
// The function expire decides when an indicator leaves the active set and why.
// It is a pure function; testdata/expiration.json is its table of cases, and the ingest
// pipeline, which does the same for documents that come from elsewhere, is
// tested with the same table.
//
// # Reconciliation
//
// The cursor never tells that an indicator has left the data collection, or joined it
// without being updated. A sweep does: it pages through the whole collection for
// identifiers and dates only, and compares them with the known indicators of package
// registry. Its contract:
//
//   - It takes turns with the cycles. A turn is one page at most, and only the pause
//     between two cycles has turns. Both go through one client, and share its limits.
//   - It begins once the output has acknowledged everything published before, so that
//     what is in flight is neither known nor missing.
//   - What the collection holds and is not known, or in an older version only, is
//     fetched whole, from its page alone, and published. What has a later date than
//     anything published so far is left to the next cycle.
//   - What is known and not in the collection is retired by one event, unless another
//     input knows it too. What a cycle has published since the sweep began is in the
//     collection, wherever the sweep looked.
//   - It counts when it came to the end without an error, and what it saw agrees with
//     the appliance's total, by as much as that varied meanwhile. An empty collection
//     counts the second time. Otherwise nothing is retired, and it is repeated after a
//     while that doubles each time.
//   - It retires no more than reconcile.max_removed allows, unless an operator agrees.
//   - It is complete once the output has acknowledged what it published. A process that
//     ends before that makes another one at its next start.
//
// An error in it can cost a repeated event, never an indicator: what was retired
// wrongly is not known any more, so that the next sweep publishes it again.
package threat
