// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSelectorsThatLogConfigurations(t *testing.T) {
	for _, selector := range []string{"config", "config-with-passwords"} {
		err := checkSelectors(func(s string) bool { return s == selector })
		require.ErrorContains(t, err, `"`+selector+`"`)
	}
	assert.NoError(t, checkSelectors(func(s string) bool { return s == "*" || s == "publish" }))
}
