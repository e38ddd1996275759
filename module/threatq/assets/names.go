// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

// The names of the assets. Data views, rules and roles refer to them.
const (
	// PolicyName is the ILM policy of the data stream.
	PolicyName = "logs-ti_threatq.threat-default_policy"
	// PipelineName is the data stream's default ingest pipeline.
	PipelineName = "logs-ti_threatq.threat"
	// TemplateName is the index template of the data stream.
	TemplateName = "logs-ti_threatq.threat"
	// CustomTemplateName is the component template that belongs to the users.
	CustomTemplateName = "logs-ti_threatq.threat@custom"
	// DataStreams matches the data streams that events go to, one per namespace.
	DataStreams = "logs-ti_threatq.threat-*"
	// DataStreamPrefix, followed by a namespace, is a data stream's name.
	DataStreamPrefix = "logs-ti_threatq.threat-"
	// DestTemplateName is the index template of the index of active indicators.
	DestTemplateName = "logs-ti_threatq_latest.dest_threat"
	// DestIndexPrefix, followed by a number from 1 on, is the index of active
	// indicators.
	DestIndexPrefix = "logs-ti_threatq_latest.dest_threat-"
	// Alias is what rules and dashboards read: the active indicators.
	Alias = "logs-ti_threatq_latest.threat"
	// TransformPrefix, followed by the assets' version, is the transform.
	TransformPrefix = "logs-ti_threatq.latest_ioc-default-"

	// ManagedBy is _meta.managed_by of each asset.
	ManagedBy = "threatqbeat"
)
