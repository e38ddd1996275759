// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package delivery follows the events of the inputs from their publishing to what
// the output makes of them.
//
// Libbeat's outputs acknowledge more than they deliver. Elasticsearch's drops each
// document that a bulk request answers with 401, 403, 404 or 400, whatever the
// reason, and the file output drops what it could not write. ReplaceOutputs puts
// something around them, so that
//
//   - what is refused because of the cluster's state or of privileges is held and
//     sent again until it is accepted; the cursor stays where it is meanwhile,
//   - a document that is refused for its content costs only itself: it goes to the
//     log of events, is counted and named, and reported by its ids before its batch
//     is acknowledged,
//   - a file that can't be written to is written to again later.
//
// A Tracker knows of each input what is in flight, held and refused. It sets the
// sources output and refused of the input's health, and bounds the bytes in flight.
package delivery
