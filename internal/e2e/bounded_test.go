// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// residentMemory is the resident memory of a process in bytes.
func residentMemory(t *testing.T, pid int) int64 { return procStatus(t, pid, "VmRSS") }

// peakMemory is the most resident memory that a process has had, in bytes.
func peakMemory(t *testing.T, pid int) int64 { return procStatus(t, pid, "VmHWM") }

func procStatus(t *testing.T, pid int, key string) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	found := regexp.MustCompile(key + `:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, found, "%s of process %d", key, pid)
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	require.NoError(t, err)
	return kilobytes << 10
}
