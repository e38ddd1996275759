// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package refusal joins what is wrong with a configuration into one error.
//
// It is for those who validate settings: each problem is an error that names a
// setting, its value and what would be right; all of them are reported at once,
// and on one line, for a log entry is one.
package refusal
