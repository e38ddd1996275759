// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJoin(t *testing.T) {
	first, second := errors.New("url is missing"), errors.New("id is missing")

	require.NoError(t, Join())
	require.NoError(t, Join(nil, nil))
	require.Equal(t, first, Join(nil, first))

	both := Join(first, nil, second)
	require.EqualError(t, both, "url is missing; id is missing")
	require.ErrorIs(t, both, first)
	require.ErrorIs(t, both, second)
}
