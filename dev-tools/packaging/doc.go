// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package packaging builds what users install: a tar.gz or zip for each
// platform, deb and rpm packages for Linux, the integration package for Kibana
// and the SHA-512 sum of each.
//
// It needs Go and, for deb and rpm, the pinned nfpm of dev-tools/tools; neither
// Docker nor a C compiler. The same commit gives the same bytes wherever and
// whenever it is built: binaries carry no path and no build id, every time in
// an archive is the commit's, entries are sorted, owners are named.
//
// Binaries are linked against a trimmed copy of Libbeat, see [Dropped].
package packaging
