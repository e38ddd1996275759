// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package assets holds what threatqbeat installs: for Elasticsearch the ILM policy, ingest pipeline,
// index templates, alias and transform of the threat data stream, for Kibana the data view on the
// active indicators, the searches and the dashboards.
//
// Each Elasticsearch asset is a YAML file beside this one, embedded; the mappings are generated from
// ../threat/_meta/fields.yml. A function per asset returns the body that an API of Elasticsearch
// takes, for a server of a given version: what that server is too old for is left out
// (version_settings.yml). Every body but that of the users' component template carries a _meta with
// managed_by, version and hash. The hash covers the rest of the body, so that two bodies with the
// same hash are the same.
//
// KibanaObjects returns the saved objects one by one, each after those that it refers to, and
// KibanaNDJSON returns them in one piece as Kibana's import API takes it. Both have them in the form
// that Kibana stores, in which some attributes are JSON within a string.
//
// The package reads embedded files only and sends nothing anywhere; package setup does.
package assets
