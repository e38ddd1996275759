// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package elasticsearch holds the Elasticsearch assets of the threat data stream: its ILM policy,
// ingest pipeline, index templates, alias and transform.
//
// Each is a YAML file beside this one, embedded; the mappings are generated from ../_meta/fields.yml.
// A function per asset returns the body that an API of Elasticsearch takes, for a server of a given
// version: what that server is too old for is left out (version_settings.yml). The package sends
// nothing anywhere; package setup does.
//
// Every body but that of the users' component template carries a _meta with managed_by, version and
// hash. The hash covers the rest of the body, so that two bodies with the same hash are the same.
package elasticsearch
