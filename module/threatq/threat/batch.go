// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"slices"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/jsonscan"
)

// What of a page is decoded while the page is checked. The rest is decoded one by
// one, because a page may hold many more indicators than were asked for.
const (
	maxBatch      = 4 << 10
	maxBatchBytes = 4 << 20
	// maxBatchKept bounds the lists that are kept for the next page, in elements.
	maxBatchKept = 16 << 10
)

// batch holds the indicators of a page, decoded in the one pass over its bytes that
// decides whether the page is whole. None is mapped before that.
type batch struct {
	decoder decoder
	builder *builder // maps them, and decodes nothing
	decoded []decoded
	usable  int // of these
	// The lists of all indicators of the page are parts of these.
	attributes  []indicatorAttribute
	sources     []indicatorSource
	adversaries []string
}

// decoded is an indicator, or why it is none.
type decoded struct {
	indicator
	err  error
	size int // of its JSON, in bytes
}

var _ client.Reader = (*batch)(nil)

func (m *Mapper) newReader() client.Reader {
	return &batch{builder: m.newBuilder()}
}

// Begin forgets the page before.
func (b *batch) Begin() {
	clear(b.decoded)
	b.decoded, b.usable = b.decoded[:0], 0
	b.attributes, b.sources, b.adversaries = emptied(b.attributes), emptied(b.sources), emptied(b.adversaries)
}

func emptied[T any](list []T) []T {
	if cap(list) > maxBatchKept {
		return nil
	}
	clear(list)
	return list[:0]
}

// Read decodes the next indicator of the page.
func (b *batch) Read(s *jsonscan.Scanner) error {
	if len(b.decoded) == maxBatch || s.Pos() > maxBatchBytes {
		return s.Skip()
	}
	d := &b.decoder
	d.Scanner = *s
	d.Peek() // moves past white space
	start := d.Pos()
	unusable, err := d.next()
	*s = d.Scanner
	if err != nil {
		return err
	}
	if unusable == nil {
		b.usable++
	}
	ind := d.ind
	b.attributes, ind.Attributes = appendPart(b.attributes, ind.Attributes)
	b.sources, ind.Sources = appendPart(b.sources, ind.Sources)
	b.adversaries, ind.Adversaries = appendPart(b.adversaries, ind.Adversaries)
	b.decoded = append(b.decoded, decoded{ind, unusable, s.Pos() - start})
	return nil
}

// appendPart appends a copy of part to all, and returns both.
func appendPart[T any](all, part []T) (_, copied []T) {
	start := len(all)
	all = append(all, part...)
	return all, slices.Clip(all[start:])
}

// decodedOf returns an indicator as the page's reader has read it, nil when it has
// not read it.
func decodedOf(page *client.Page, i int) (*batch, *decoded) {
	b, ok := page.Reader.(*batch)
	if !ok || i >= len(b.decoded) {
		return nil, nil
	}
	return b, &b.decoded[i]
}

// forget gives the bytes of a page back when no event needs them any more.
func (m *Mapper) forget(page *client.Page) {
	if b, ok := page.Reader.(*batch); ok && b.usable == len(page.Indicators) && !m.cfg.PreserveOriginal {
		page.Forget()
	}
}

// pageEvent maps an indicator of a page, as Event does. Its private data is its
// size in bytes.
func (m *Mapper) pageEvent(page *client.Page, i int, fetched time.Time) (event beat.Event, err error) {
	raw := page.Indicators[i]
	size := len(raw)
	if b, read := decodedOf(page, i); read != nil {
		size = read.size
		b.builder.ind = &read.indicator
		event, err = b.builder.finish(raw, fetched, read.err)
	} else {
		event, err = m.Event(raw, fetched)
	}
	event.Private = sizeOf(event.Fields, size)
	return event, err
}

// pageBrief reads an indicator of a page, as Brief does.
func (m *Mapper) pageBrief(page *client.Page, i int, fetched time.Time) (Brief, error) {
	_, read := decodedOf(page, i)
	if read == nil {
		return m.Brief(page.Indicators[i], fetched)
	}
	if read.err != nil {
		return Brief{}, read.err
	}
	return m.brief(&read.indicator, fetched), nil
}
