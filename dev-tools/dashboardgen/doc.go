// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command dashboardgen writes the Kibana saved objects of the ThreatQ module: one data view, the
// searches and the dashboards.
//
// A Lens panel is about a hundred lines of JSON that differ from the next panel's in three or four
// words. Those words are what people should read and change, so they stand in dashboards.yml;
// objects.yml.tmpl has the rest, the same for each panel. The files written are checked in, since
// they are what is installed and reviewed. In them the JSON that Kibana keeps in strings is written
// out, so that it can be read and compared.
//
// The objects have the form that Kibana 8.3 exports and say so in their migration versions. A later
// Kibana, 9 included, migrates them as it imports them; an earlier one refuses them.
//
//	go run ./dev-tools/dashboardgen -root module/threatq/assets/kibana/7
package main
