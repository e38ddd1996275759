// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package threat is the threat data stream: it collects the indicators of a
// ThreatQ data collection and makes an event of each.
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
//     a value that its ECS field can't hold, for Elasticsearch would refuse the
//     document for it.
//   - Nothing of an event refers to the bytes that it was made of, and no two
//     events share a map or a list: the caller may reuse the bytes, and
//     processors may change the events.
//   - Every string is valid UTF-8, every date lies in the years 1 to 9999, and
//     no key has a dot. An appliance that lies costs bounded time and memory:
//     the constants beside the type indicator are the bounds, and error.message
//     says what was cut.
//   - The mapper sets what it knows of the indicator. agent.*, ecs.*, input.*
//     and the configured tags come from Libbeat.
//
// Untidiness that is ThreatQ's usual one is no problem and not mentioned:
// integers and scores as numbers or strings, a type or a status as a plain
// string in the place of an object, null or "" for nothing, dates in several
// forms and the several ways in which databases write that there is none,
// numbers and booleans in the place of text, a list with gaps as an object,
// unknown keys. Where a key occurs twice the last one counts.
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
package threat
