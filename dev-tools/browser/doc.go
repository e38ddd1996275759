// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package browser looks at Kibana as a user does, with Chromium, on a real Elasticsearch and Kibana
// that have nothing of threatqbeat yet:
//
//	ELASTICSEARCH_URL=http://localhost:9200 KIBANA_URL=http://localhost:5601 \
//	ELASTICSEARCH_USERNAME=elastic ELASTICSEARCH_PASSWORD=... go test -C dev-tools/browser -v ./...
//
// The user logs in to Kibana as well. Without KIBANA_URL the tests are skipped. With -images DIR, the
// screenshots of a run that passed go there, scaled down, as docs/images has them:
//
//	go test -C dev-tools/browser -v ./... -images ../../docs/images
//
// Two things of Kibana decide more than threatqbeat does: TestIntelligencePage needs an Enterprise licence or a
// trial of it (POST /_license/start_trial?acknowledge=true), and Kibana's package registry must answer
// within two seconds.
//
// It is a module of its own, so that threatqbeat is not built with what drives a browser.
package browser
