// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package agent runs the inputs of Elastic Agent's policy in a Beater.
//
// Libbeat's manager speaks the control protocol with Elastic Agent. This package
// says how to connect (manager.go), makes inputs of the streams of a policy
// (inputs.go), runs them and reports the state of each (runners.go), keeps secrets
// out of the diagnostics (redact.go, diagnostics.go), and makes up for what
// Libbeat's manager lacks (checkins.go).
package agent
