// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

const (
	dataViewID    = "threatq-active-indicators"
	dataViewTitle = "logs-ti_threatq_latest.threat"
	dataViewName  = "ThreatQ active indicators"
)

// Fields that more than one dashboard shows.
var (
	byType       = terms{field: "threat.indicator.type", label: "Type", size: 12}
	byConfidence = terms{field: "threat.indicator.confidence", label: "Confidence", size: 5}
	byProvider   = terms{field: "threat.indicator.provider", label: "Provider", size: 10, missing: true}
	byStatus     = terms{field: "threatq.status", label: "Status", size: 8, missing: true}
	// An indicator that no source has marked is a finding too, so the bucket of missing values is shown.
	byTLP = terms{field: "threat.indicator.marking.tlp", label: "TLP", size: 7, missing: true}
)

// activeNow is the alias' own filter once more, for an alias that has none: Fleet can't give one to
// the alias that it creates for an integration.
var activeNow = filter{field: "threatq.ioc_expired_at", after: "now", name: "Active now"}

const queryActiveNow = "threatq.ioc_expired_at > now"

// queryNames leaves out the URLs whose host is an address. It is in url.domain as well.
const queryNames = "related.hosts : *"

var searches = []savedSearch{
	{
		id:          "threatq-latest-indicators",
		title:       "[ThreatQ] Latest indicators",
		description: "Active indicators, the last updated first.",
		query:       queryActiveNow,
		columns: []string{
			"@timestamp", "threat.indicator.type", "threat.indicator.name", "threat.indicator.confidence",
			"threat.indicator.provider", "threatq.status", "threatq.ioc_expired_at",
		},
		sortBy: "@timestamp",
	},
	{
		id:          "threatq-latest-files",
		title:       "[ThreatQ] Latest file indicators",
		description: "Active indicators of files, the last updated first.",
		query:       queryActiveNow + ` and threat.indicator.type : "file"`,
		columns: []string{
			"@timestamp", "threat.indicator.name", "threat.indicator.file.name", "threat.indicator.confidence",
			"threat.indicator.provider", "threatq.status", "threatq.ioc_expired_at",
		},
		sortBy: "@timestamp",
	},
	{
		id:          "threatq-latest-network",
		title:       "[ThreatQ] Latest network and URL indicators",
		description: "Active indicators of addresses, domains and URLs, the last updated first.",
		query:       queryActiveNow + ` and threat.indicator.type : ("ipv4-addr" or "ipv6-addr" or "domain-name" or "url")`,
		columns: []string{
			"@timestamp", "threat.indicator.type", "threat.indicator.name", "threat.indicator.url.registered_domain",
			"threat.indicator.confidence", "threat.indicator.provider", "threatq.ioc_expired_at",
		},
		sortBy: "@timestamp",
	},
}

var dashboards = []dashboard{
	{
		id:          "threatq-overview",
		title:       "[ThreatQ] Overview",
		description: "The threat indicators of ThreatQ that are active now.",
		filters:     []filter{activeNow},
		intro:       "All indicators that are active now, whatever the time picker says. Select a value in a chart to filter by it.",
		rows: []row{
			{height: 9, panels: []panel{
				{"navigation", "", 16, navigation{}},
				{"active", "Active indicators", 8, count{}},
				{"expiring-24h", "Expiring in the next 24 hours", 8,
					count{query: "threatq.ioc_expired_at >= now and threatq.ioc_expired_at < now+24h"}},
				{"expiring-7d", "Expiring in the next 7 days", 8,
					count{query: "threatq.ioc_expired_at >= now and threatq.ioc_expired_at < now+7d"}},
				{"adversaries", "Adversaries", 8, unique{field: "threatq.adversaries"}},
			}},
			{height: 14, panels: []panel{
				{"by-type", "Indicators by type", 24, bars{by: byType}},
				{"collected", "Collected over time", 24, timeline{
					field: "event.created", label: "Collected", interval: "1d", split: byType,
				}},
			}},
			{height: 14, panels: []panel{
				{"by-confidence", "Confidence", 16, pie{by: byConfidence}},
				{"by-tlp", "Traffic light protocol", 16, pie{by: byTLP}},
				{"by-status", "Status", 16, pie{by: byStatus}},
			}},
			{height: 14, panels: []panel{
				{"expiring", "Expiring in the next 30 days", 24, timeline{
					field: "threatq.ioc_expired_at", label: "Expires", interval: "1d",
					query: "threatq.ioc_expired_at >= now and threatq.ioc_expired_at < now+30d", split: byType,
				}},
				{"expiration-reasons", "Expiration reasons", 24, table{by: []terms{
					{field: "threatq.ioc_expiration_reason", label: "Reason", size: 20},
				}}},
			}},
			{height: 14, panels: []panel{
				{"by-provider", "Providers", 16, bars{by: byProvider}},
				{"top-adversaries", "Top adversaries", 16, bars{by: terms{
					field: "threatq.adversaries", label: "Adversary", size: 15,
				}}},
				{"providers-by-type", "Providers and types", 16, table{by: []terms{
					byProvider, {field: "threat.indicator.type", label: "Type", size: 5},
				}}},
			}},
			{height: 22, panels: []panel{
				{"latest", "Latest indicators", 48, documents{search: "threatq-latest-indicators"}},
			}},
		},
	},
	{
		id:          "threatq-files",
		title:       "[ThreatQ] Files",
		description: "The indicators of files from ThreatQ that are active now: hashes, names and paths.",
		filters:     []filter{activeNow, {field: "threat.indicator.type", values: []string{"file"}}},
		intro:       "Hashes, names and paths of files that are active now. Select a value in a chart to filter by it.",
		rows: []row{
			{height: 9, panels: []panel{
				{"navigation", "", 16, navigation{}},
				{"active", "Active file indicators", 8, count{}},
				{"hashes", "Hashes", 8, count{query: "threat.indicator.file.hash.* : *"}},
				{"names", "File names", 8, unique{field: "threat.indicator.file.name"}},
				{"expiring-7d", "Expiring in the next 7 days", 8,
					count{query: "threatq.ioc_expired_at >= now and threatq.ioc_expired_at < now+7d"}},
			}},
			{height: 14, panels: []panel{
				{"hash-kinds", "Hash kinds", 16, kinds{label: "Hash", of: []kind{
					{"MD5", "threat.indicator.file.hash.md5 : *"},
					{"SHA-1", "threat.indicator.file.hash.sha1 : *"},
					{"SHA-256", "threat.indicator.file.hash.sha256 : *"},
					{"SHA-384", "threat.indicator.file.hash.sha384 : *"},
					{"SHA-512", "threat.indicator.file.hash.sha512 : *"},
					{"ssdeep", "threat.indicator.file.hash.ssdeep : *"},
				}}},
				{"by-provider", "Providers", 16, bars{by: byProvider}},
				{"by-confidence", "Confidence", 16, pie{by: byConfidence}},
			}},
			{height: 16, panels: []panel{
				{"file-names", "File names", 16, table{by: []terms{
					{field: "threat.indicator.file.name", label: "Name", size: 50},
				}}},
				{"file-paths", "File paths", 20, table{by: []terms{
					{field: "threat.indicator.file.path", label: "Path", size: 50},
				}}},
				{"adversaries", "Adversaries", 12, table{by: []terms{
					{field: "threatq.adversaries", label: "Adversary", size: 50},
				}}},
			}},
			{height: 22, panels: []panel{
				{"latest", "Latest file indicators", 48, documents{search: "threatq-latest-files"}},
			}},
		},
	},
	{
		id:          "threatq-network",
		title:       "[ThreatQ] Network and URLs",
		description: "The indicators of addresses, domains and URLs from ThreatQ that are active now.",
		filters: []filter{activeNow, {
			field:  "threat.indicator.type",
			values: []string{"ipv4-addr", "ipv6-addr", "domain-name", "url"},
		}},
		intro: "Addresses, domains and URLs that are active now. Select a value in a chart to filter by it.",
		rows: []row{
			{height: 9, panels: []panel{
				{"navigation", "", 16, navigation{}},
				{"addresses", "IP addresses", 8, unique{field: "threat.indicator.ip"}},
				{"domains", "Domains", 8, unique{field: "threat.indicator.url.domain", query: queryNames}},
				{"urls", "URLs", 8, count{query: `threat.indicator.type : "url"`}},
				{"expiring-7d", "Expiring in the next 7 days", 8,
					count{query: "threatq.ioc_expired_at >= now and threatq.ioc_expired_at < now+7d"}},
			}},
			{height: 14, panels: []panel{
				{"by-type", "Indicators by type", 16, pie{by: byType}},
				{"by-provider", "Providers", 16, bars{by: byProvider}},
				{"schemes", "URL schemes", 16, pie{by: terms{
					field: "threat.indicator.url.scheme", label: "Scheme", size: 5,
				}}},
			}},
			{height: 16, panels: []panel{
				{"ips", "IP addresses", 16, table{by: []terms{
					{field: "threat.indicator.ip", label: "IP address", kind: kindIP, size: 50},
				}}},
				{"domain-names", "Domains", 16, table{query: queryNames, by: []terms{
					{field: "threat.indicator.url.domain", label: "Domain", size: 50},
				}}},
				{"registered-domains", "Registered domains", 16, table{by: []terms{
					{field: "threat.indicator.url.registered_domain", label: "Registered domain", size: 50},
				}}},
			}},
			{height: 14, panels: []panel{
				{"top-level-domains", "Top-level domains", 12, bars{by: terms{
					field: "threat.indicator.url.top_level_domain", label: "Top-level domain", size: 15,
				}}},
				{"ports", "Ports of addresses", 12, bars{by: terms{
					field: "threat.indicator.port", label: "Port of an address", kind: kindNumber, size: 10,
				}}},
				{"url-ports", "Ports of URLs", 12, bars{by: terms{
					field: "threat.indicator.url.port", label: "Port of a URL", kind: kindNumber, size: 10,
				}}},
				{"extensions", "URL file extensions", 12, bars{by: terms{
					field: "threat.indicator.url.extension", label: "Extension", size: 10,
				}}},
			}},
			{height: 22, panels: []panel{
				{"latest", "Latest network and URL indicators", 48, documents{search: "threatq-latest-network"}},
			}},
		},
	},
}
