// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command notice writes NOTICE: the modules that the binary contains on any
// platform, their versions, licences, copyright and notices, and the text of
// each licence once.
//
// It asks the go command for what is linked in, and reads the licence files of
// those modules. A licence that it doesn't know fails it, so that somebody looks.
package main

//go:generate go run . -root ../..
