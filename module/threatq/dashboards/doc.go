// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package dashboards gives out the Kibana saved objects of the ThreatQ module: the data view on the
// active indicators, the searches and the dashboards.
//
// Objects returns them one by one, in an order in which each comes after those it refers to, and
// NDJSON in one piece as Kibana's import API takes it:
//
//	POST /api/saved_objects/_import?overwrite=true
//
// Both have them in the form that Kibana stores, in which some attributes are JSON within a string.
// The package reads embedded files only; it knows neither Kibana's address nor its API.
package dashboards
