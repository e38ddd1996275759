// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package integration tests the assets on a real Elasticsearch, and on Kibana if there is one:
//
//	ELASTICSEARCH_URL=http://localhost:9200 go test -tags integration -v -timeout 30m ./module/threatq/setup/integration
//
// The environment says where they are:
//
//	ELASTICSEARCH_URL        of Elasticsearch 8.0 or later, required
//	ELASTICSEARCH_USERNAME   with ELASTICSEARCH_PASSWORD, of a superuser
//	ELASTICSEARCH_API_KEY    instead of the two, as id:key
//	ELASTICSEARCH_CA         file with the certificate authority, Kibana's as well
//	KIBANA_URL               of Kibana 8.3 or later; without it what needs Kibana is skipped
//	THREATQBEAT_PACKAGES     directory of the packages that the pages are followed with, by root
//	                         and with debootstrap (mage docsTest); without it that is skipped.
//	                         Kibana 8.3 takes no API key for the last step
//
// The assets have fixed names, so the tests need a cluster without them, and remove them before and
// after. Where they find data of threatqbeat that they did not make, they refuse to run.
//
// They take about six minutes: the transform deletes nothing before it has been expired for a minute.
// The clocks of this host and of the cluster must agree to the second, because what expires is looked for a
// second before and after. The dashboards stay in Kibana.
package integration
