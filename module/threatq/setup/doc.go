// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package setup installs the Elasticsearch and Kibana assets. It is the only package that writes to
// their admin APIs.
//
// # Installing
//
// Connect and ConnectKibana connect with the beat's own settings, and an Installer installs
// all Parts or some:
//
//	es, err := setup.Connect(ctx, outputConfig, "threatqbeat", log)
//	connect := func() (*kibana.Client, error) { return setup.ConnectKibana(kibanaConfig, "threatqbeat", beatVersion) }
//	err = setup.New(es, connect, cfg, log, print).Setup(ctx, setup.All)
//
// Setup can be run at any time, and again after it failed or was killed at any point: it looks at what
// the server has and does what is missing. Each asset carries a version and a hash in its _meta. What
// has the hash that would be put is left alone, and so is what a newer version put. An error of a
// server is an Error: it names the asset, the cause and what to do.
//
// The steps that replace something that works are ordered so that a search through the alias sees
// each active indicator once, at every moment:
//
//   - A changed transform is stopped, replaced and started. Under a new name it is created first.
//   - A changed mapping of the index of active indicators gets the next index, which is filled from
//     the old one, because the data stream keeps a few days only. The alias moves in one request. Then
//     the transform moves, and then the old index goes.
//   - An error on the way starts again what had been stopped.
//
// # Running
//
// MakeIndexManager gives the beat's Elasticsearch output its default index, the data stream
// logs-ti_threatq.threat-<namespace>, in place of Libbeat's own template and policy.
// RegisterConnectCallback installs the template, policy and pipeline that are missing or older when
// the output connects, as a Beat does.
//
// # Exporting
//
// Export prints each asset for a given version of Elasticsearch. It needs no server.
package setup
