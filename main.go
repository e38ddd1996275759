// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command threatqbeat ships threat indicators from ThreatQ.
package main

func main() {}
