// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package config holds what threatqbeat.yml may say under the top-level key
// threatqbeat, above the inputs: which inputs run, where further ones are read
// from, where the cursors are kept and how long a shutdown may take.
//
// The settings of an input itself belong to the input and are checked there;
// this package hands them on untouched.
package config
