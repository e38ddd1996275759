// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// Pages of many inputs share what there is beside one large page, and all arrive.
func TestPagesOfManyInputs(t *testing.T) {
	a := newAppliance(t, says(`{"data":[{"value":"`+strings.Repeat("x", mostBeside/4)+`"}],"nextCursorMark":"b"}`))
	var held, most, bytes atomic.Int64
	var inputs sync.WaitGroup
	for range 8 {
		inputs.Go(func() {
			c, _, _ := newClient(t, a.config())
			page, err := c.Page(background, "a")
			if !assert.NoError(t, err) {
				return
			}
			most.Store(max(most.Load(), held.Add(1)))
			bytes.Add(page.Bytes)
			time.Sleep(20 * time.Millisecond)
			held.Add(-1)
			page.Release()
		})
	}
	inputs.Wait()
	assert.LessOrEqual(t, most.Load(), int64(3), "a body of 16 MiB is in a buffer of 32")
	assert.EqualValues(t, 8, bytes.Load()/(mostBeside/4))
	assert.True(t, beside.TryAcquire(mostBeside))
	beside.Release(mostBeside)
	assert.Empty(t, largePage)
}

// Two inputs never hold a large page each. The second asks for its page again once the
// first one is released, whatever ends it.
func TestOneLargePageAtATime(t *testing.T) {
	large := `{"data":[{"value":"` + strings.Repeat("x", mostBeside) + `"}],"nextCursorMark":"b"}`
	a := newAppliance(t, says(large))
	first, _, _ := newClient(t, a.config())
	second, _, _ := newClient(t, a.config())
	page, err := first.Page(background, "a")
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() {
		_, err := second.Page(ctx, "a")
		failed <- err
	}()
	require.Eventually(t, func() bool { return len(a.seen(dataPath)) == 2 }, time.Minute, time.Millisecond)
	select {
	case <-failed:
		t.Fatal("there are two large pages")
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	require.Error(t, <-failed)

	pages := make(chan *Page)
	go func() {
		page, err := second.Page(background, "a")
		assert.NoError(t, err)
		pages <- page
	}()
	require.Eventually(t, func() bool { return len(a.seen(dataPath)) == 3 }, time.Minute, time.Millisecond)
	page.Release()
	page = <-pages
	assert.Len(t, page.Indicators, 1)
	page.Release()
	assert.Empty(t, largePage)
}

// The bytes of a page that were forgotten are those of the next one, while what was read
// of them is still in use.
func TestForgottenBytesAreUsedAgain(t *testing.T) {
	a := newAppliance(t, says(onePage), says(onePage))
	c, _, _ := newClient(t, a.config())
	first, err := c.Page(background, "a")
	require.NoError(t, err)
	memory := &first.buf.body[:1][0]
	count := len(first.Indicators)
	first.Forget()
	require.Len(t, first.Indicators, count)
	assert.Nil(t, first.Indicators[0])

	second, err := c.Page(background, "b")
	require.NoError(t, err)
	assert.Same(t, memory, &second.buf.body[:1][0])
	first.Release()
	assert.NotNil(t, second.Indicators[0])
	second.Release()

	large := &buffer{body: make([]byte, mostSpare+1), elems: [][]byte{[]byte("{}")}}
	c.buffers.putBody(large)
	assert.NotNil(t, large.body, "it is left to Release")
}
