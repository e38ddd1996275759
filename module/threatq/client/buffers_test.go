// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sized(bytes int) *buffer {
	return &buffer{body: make([]byte, bytes), elems: [][]byte{[]byte("{}")}}
}

func TestBuffersAreKept(t *testing.T) {
	var bs buffers
	first, second, third := sized(1000), sized(1000), sized(1000)
	bs.put(first)
	bs.put(second)
	bs.put(third)
	// What a pool holds is gone after two collections, what is spare is not.
	runtime.GC()
	runtime.GC()
	require.Same(t, second, bs.get())
	require.Same(t, first, bs.get())
	assert.Empty(t, bs.spare)
	assert.Zero(t, cap(bs.get().body), "no more than two wait for ever")

	assert.Empty(t, first.body)
	assert.Equal(t, 1000, cap(first.body))
	assert.Empty(t, first.elems)
	assert.Nil(t, first.elems[:1][0], "the page before is let go of")
}

func TestBuffersThatAreLargeAreLetGo(t *testing.T) {
	var bs buffers
	bs.put(sized(mostSpare))
	assert.Empty(t, bs.spare, "with its elements it is larger than that")
	runtime.GC()
	runtime.GC()
	assert.Zero(t, cap(bs.get().body))

	bs.put(sized(mostPooled + 1))
	assert.Empty(t, bs.spare)
	assert.Zero(t, cap(bs.get().body))
}

// Pages that are collected one after the other use the same memory.
func TestPagesShareMemory(t *testing.T) {
	a := newAppliance(t, says(onePage), says(onePage))
	c, _, _ := newClient(t, a.config())
	page, err := c.Page(background, "a")
	require.NoError(t, err)
	memory := &page.buf.body[:1][0]
	page.Release()
	page.Release()
	page, err = c.Page(background, "b")
	require.NoError(t, err)
	defer page.Release()
	assert.Same(t, memory, &page.buf.body[:1][0])
}
