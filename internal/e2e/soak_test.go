// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"
)

// soak skips a test that takes minutes unless mage soak runs it.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("THREATQBEAT_SOAK") == "" {
		t.Skip("takes minutes, run it with mage soak")
	}
}
