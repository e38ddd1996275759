// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package client

import (
	"bytes"
	"testing"

	"github.com/bytedance/sonic/decoder"
)

// BenchmarkScanSonic is a comparison: the fastest way to find the ends of the
// indicators, which exists on two architectures and checks less.
func BenchmarkScanSonic(b *testing.B) {
	body := benchPage(1000)
	b.SetBytes(int64(len(body)))
	start := bytes.IndexByte(body, '[') + 1
	for b.Loop() {
		n := 0
		for i := start; ; i++ {
			_, end := decoder.Skip(body[i:])
			n++
			if i += end; body[i] != ',' {
				break
			}
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
