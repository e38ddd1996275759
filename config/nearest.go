// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
)

// nearest returns the known name that was probably meant by unknown, or "".
// parent is the part of unknown, with its dot, that does exist.
//
// A name in the wrong place is recognised first: timeout for request.timeout,
// request.url for url. Then a misspelt one, with at most one slip in three of
// the characters after the parent.
func nearest(unknown, parent string, known []string) string {
	for _, name := range known {
		if strings.HasSuffix(name, "."+unknown) || strings.HasSuffix(unknown, "."+name) {
			return name
		}
	}
	rest := strings.ToLower(strings.TrimPrefix(unknown, parent))
	best, bestDistance := "", len(rest)
	for _, name := range withParents(known) {
		candidate, ok := strings.CutPrefix(name, parent)
		if !ok {
			continue
		}
		if distance := editDistance(rest, candidate); distance < bestDistance {
			best, bestDistance = name, distance
		}
	}
	if bestDistance*3 > len(rest) {
		return ""
	}
	return best
}

// withParents returns the names and then the sections that they stand in.
func withParents(names []string) []string {
	all := slices.Clone(names)
	for _, name := range names {
		for at, char := range name {
			if char == '.' && !slices.Contains(all, name[:at]) {
				all = append(all, name[:at])
			}
		}
	}
	return all
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that lead from a to b (optimal string alignment), in bytes.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
