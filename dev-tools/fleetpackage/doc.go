// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package fleetpackage builds the Fleet integration package threatq, which lets a Fleet
// administrator add ThreatQ to an Agent policy. It is for developers and the release; threatqbeat
// itself does not contain it.
//
// What is the package's own lies in _meta/fleet: manifests with the variables, the template of an
// Agent stream, texts and icons. All else comes from the files that `threatqbeat setup` installs:
//
//	fields            module/threatq/threat/_meta/fields.yml, as source and destination have them
//	mappings          module/threatq/assets/mapping_*.json
//	ILM policy        module/threatq/assets/ilm_policy.yml
//	ingest pipeline   module/threatq/assets/ingest_pipeline.yml
//	transform         module/threatq/assets/transform.yml
//	Kibana objects    module/threatq/assets/kibana
//	table of fields   docs/fields.md
//
// Fleet names some assets by rules of its own, so that the names of the policy, the pipeline and the
// transform differ from those of `threatqbeat setup`. Data stream, destination index and alias are
// the same. The alias has no filter, because a package can't give it one.
//
// The module in validate checks the result against Elastic's package specification. It is a module
// of its own because the specification needs newer versions of modules that Libbeat pins.
package fleetpackage
