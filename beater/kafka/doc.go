// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package kafka makes Libbeat's Kafka output lose nothing.
//
// The output drops events when the user may not write to the topic or the login
// fails, drops a whole batch when it is larger than the topic takes, sends again
// without a pause what the broker will never take, and panics when it is closed
// while it is stuck. After repeated errors it acknowledges what it has not sent. The
// client of this package hands it one batch at a time, learns from its metrics, its log
// and its notes on the batch what was dropped or has failed and why, and sends that
// again, in smaller parts when the contents are the reason.
//
// Before it sends anything it looks at the topic, and refuses one that would lose
// indicators by its settings.
package kafka
