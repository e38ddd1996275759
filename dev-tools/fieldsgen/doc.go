// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command fieldsgen makes everything that is derived from the threat data stream's fields.yml:
//
//   - module/threatq/assets/mapping_source.json and mapping_dest.json, the mappings of
//     the data stream and of the index of active indicators;
//   - fields.yml at the top, which Beats tools read;
//   - docs/fields.md.
//
// It is run by `go generate` (`mage update`); its test fails when one of the files is stale.
//
// Libbeat has a generator of its own, libbeat/template, which doesn't do here: it knows neither the
// limits of a flattened field (ignore_above, depth_limit), without which one long attribute costs
// the indicator, nor the value of a constant_keyword, nor a second template with other types.
package main
