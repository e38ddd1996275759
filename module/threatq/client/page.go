// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/threatqbeat/threatqbeat/config/secrets"
	"github.com/threatqbeat/threatqbeat/module/threatq/jsonscan"
)

const (
	// firstRead is the size that a new buffer begins with.
	firstRead = 64 << 10
	// mostReserved bounds what an answer's Content-Length alone can reserve.
	mostReserved = 8 << 20
	// mostSpare bounds a buffer that is kept for another page, however long that
	// takes to come.
	mostSpare = 4 << 20
	// mostPooled bounds one that is kept until the garbage collector comes.
	mostPooled = 32 << 20
	// mostOwn bounds a page that any input may read and hold, whatever the others do.
	mostOwn = 4 << 20
	// mostBeside bounds all larger pages together that the inputs read and hold, but for
	// one of any size.
	mostBeside = 64 << 20
)

// These belong to the process, as the memory does that they bound.
var (
	// beside is taken by whoever reads or holds a page beyond mostOwn.
	beside = semaphore.NewWeighted(mostBeside)
	// largePage is taken by whoever finds no room for a page there.
	largePage = make(chan struct{}, 1)
)

// Page is one page of a data collection.
type Page struct {
	// Mark is the cursor mark that was sent, "*" for the beginning.
	Mark string
	// NextCursorMark is the mark of the next page, "" when there was none.
	NextCursorMark string
	// Total is the number of indicators in the collection, -1 when unknown.
	Total int64
	// Indicators holds the JSON of each indicator. The slices point into a
	// buffer that Release gives back. An element is valid JSON but for those
	// that Unreadable counts; which type of value it is has not been checked.
	Indicators [][]byte
	// Bytes is the size of the answer, after decompression.
	Bytes int64
	// Unreadable is how many of Indicators are not valid JSON. The appliance
	// gave the same on every attempt, and the rest of the page is whole.
	Unreadable int
	// Truncated says that the answer broke off. The page comes with an error,
	// without NextCursorMark, and holds valid indicators only.
	Truncated bool
	// Reader has read all Indicators, in their order. It is nil when there is none,
	// or the answer was damaged.
	Reader Reader

	buf  *buffer
	from *buffers
}

// Reader reads the indicators of pages while the pages are checked, so that the bytes
// are looked at once. Its page may turn out to be damaged behind what it has read.
type Reader interface {
	// Begin forgets what was read, because another page begins.
	Begin()
	// Read moves past one value of any type. An error says that it isn't JSON.
	Read(*jsonscan.Scanner) error
}

// Last reports whether no page follows: the mark leads nowhere else. An empty page
// whose mark advances is not the last one: the appliance's index may still list
// records that are gone. Nor is a truncated page.
func (p *Page) Last() bool {
	return !p.Truncated && (p.NextCursorMark == "" || p.NextCursorMark == p.Mark)
}

// Forget gives the bytes of Indicators back, whose elements are nil afterwards, because
// no more is needed than what the Reader has read of them. Those of a large page stay.
func (p *Page) Forget() { p.from.putBody(p.buf) }

// Release gives the page's buffer back. Indicators must not be used afterwards.
// A nil page, or one that was released before, may be released.
func (p *Page) Release() {
	if p == nil || p.buf == nil {
		return
	}
	buf := p.buf
	p.buf, p.Indicators, p.Reader = nil, nil, nil
	p.from.put(buf)
}

// buffer is what a page needs memory for.
type buffer struct {
	body   []byte
	elems  [][]byte
	reader Reader
	large  bool  // largePage is taken
	taken  int64 // of beside
}

// room reports whether there is room for a body of a size, and takes it.
func (b *buffer) room(size int) bool {
	if size <= mostOwn || b.large {
		return true
	}
	if more := int64(size) - b.taken; more <= 0 || beside.TryAcquire(more) {
		b.taken = max(b.taken, int64(size))
		return true
	}
	select {
	case largePage <- struct{}{}:
		b.large = true
		b.leave()
		return true
	default:
		return false
	}
}

// leave gives back what was taken of beside.
func (b *buffer) leave() {
	beside.Release(b.taken)
	b.taken = 0
}

// buffers keeps the memory of released pages for the next ones. A sync.Pool
// alone loses it to the garbage collector many times in a long collection, and
// new memory has to be cleared first. Large buffers are left to a pool all the
// same: an idle client has no use for them.
type buffers struct {
	mu    sync.Mutex
	spare []*buffer // at most spareBuffers
	body  []byte    // of a page whose bytes were forgotten, nil when there is none
	large sync.Pool
}

// spareBuffers is how many pages a collection holds at a time: one is
// published while the next is fetched.
const spareBuffers = 2

// headerBytes is the size of a slice's header.
const headerBytes = 24

func (bs *buffers) get() *buffer {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := new(buffer)
	if last := len(bs.spare) - 1; last >= 0 {
		b, bs.spare = bs.spare[last], bs.spare[:last]
	} else if large, ok := bs.large.Get().(*buffer); ok {
		return large
	}
	if b.body == nil {
		b.body, bs.body = bs.body, nil
	}
	return b
}

// putBody keeps the body of a buffer for the next page, unless it is large.
func (bs *buffers) putBody(b *buffer) {
	if b.large || cap(b.body) > mostSpare {
		return
	}
	clear(b.elems)
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b.body, bs.body = nil, b.body[:0]
}

func (bs *buffers) put(b *buffer) {
	large, taken := b.large, b.taken
	b.large, b.taken = false, 0
	defer func() { // once the memory is given back
		beside.Release(taken)
		if large {
			<-largePage
		}
	}()
	size := cap(b.body) + cap(b.elems)*headerBytes
	if size > mostPooled {
		// The next collection of garbage may be far away, with as much again taken
		// until then.
		*b = buffer{}
		debug.FreeOSMemory()
		return
	}
	clear(b.elems)
	b.body, b.elems = b.body[:0], b.elems[:0]
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if size <= mostSpare && len(bs.spare) < spareBuffers {
		bs.spare = append(bs.spare, b)
		return
	}
	bs.large.Put(b)
}

var (
	// errTooLarge says that a body exceeds the limit.
	errTooLarge = errors.New("the body is too large")
	// errBeside says that there is no room for a body beside those of other inputs.
	errBeside = errors.New("other pages are large as well")
)

// fill reads a whole body, of a size that may be known (or -1).
func (b *buffer) fill(r io.Reader, size, limit int64) error {
	b.body = b.body[:0]
	if size > limit {
		return errTooLarge
	}
	// One byte more, so that the end is seen without growing once more.
	first := int(max(firstRead, min(size+1, mostReserved)))
	if !b.room(max(first, cap(b.body))) {
		return errBeside
	}
	b.body = slices.Grow(b.body, first)
	for {
		if len(b.body) == cap(b.body) {
			// All that is taken for a page is twice the limit at most; append would
			// round up.
			size := 2 * len(b.body)
			if size >= int(limit) {
				size = int(limit) + 1
			}
			if !b.room(size) {
				return errBeside
			}
			grown := make([]byte, len(b.body), size)
			copy(grown, b.body)
			b.body = grown
		}
		n, err := r.Read(b.body[len(b.body):cap(b.body)])
		b.body = b.body[:len(b.body)+n]
		if int64(len(b.body)) > limit {
			return errTooLarge
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readPage reads and parses one page. On the last attempt it uses what it can of
// an answer that can't be read as it should: a page of which it is clear where
// the indicators begin and end is returned without an error, whatever they look
// like; any other is returned as a truncated page, with the error.
func (c *Client) readPage(resp *http.Response, call *call) (*Page, error) {
	buf := c.buffers.get()
	buf.large, call.large = call.large, false
	page := &Page{Mark: call.mark, Total: -1, buf: buf, from: &c.buffers}
	readErr := buf.fill(resp.Body, resp.ContentLength, int64(c.cfg.Request.MaxBodySize))
	page.Bytes = int64(len(buf.body))

	err, last := readErr, call.attempt >= c.cfg.Request.Retry.MaxAttempts
	switch {
	case errors.Is(readErr, errBeside):
		buf.body = nil
		page.Release()
		return nil, readErr
	case errors.Is(readErr, errTooLarge):
		page.Release()
		return nil, &Error{
			Failure: FailureBodyTooLarge,
			Reason:  fmt.Sprintf("the page is larger than request.max_body_size (%v)", c.cfg.Request.MaxBodySize),
			Hint:    fmt.Sprintf("lower page_size (now %d), or raise request.max_body_size", c.cfg.PageSize),
		}
	case readErr == nil:
		if c.newReader != nil && buf.reader == nil {
			buf.reader = c.newReader()
		}
		env, scanErr := scan(buf.reader, buf.body, buf.elems)
		buf.elems = env.elems
		if scanErr == nil {
			scanErr = c.check(env, call.mark)
		}
		if scanErr == nil {
			page.take(env)
			page.Reader = buf.reader
			for _, raw := range page.Indicators {
				if raw[0] != '{' {
					conceal(raw)
				}
			}
			return page, nil
		}
		err = answerError(buf.body, scanErr)
		var syntax *syntaxError
		if !errors.As(scanErr, &syntax) {
			page.Release()
			return nil, err
		}
		// Nothing gets that deep by damage: it would be the same again.
		last = last || syntax.deep
	}
	if !last {
		page.Release()
		return nil, err
	}

	conceal(buf.body)
	env, whole := scanDamaged(buf.body, buf.elems)
	page.take(env)
	if whole && readErr == nil && c.check(env, call.mark) == nil {
		page.countUnreadable(false)
		c.log.Warnw("The page is not valid JSON, but where its indicators begin and end is clear: it is used as it is",
			"unreadable", page.Unreadable, "indicators", len(page.Indicators))
		return page, nil
	}
	page.Truncated, page.NextCursorMark = true, ""
	page.countUnreadable(true)
	if len(page.Indicators) == 0 {
		page.Release()
		return nil, err
	}
	return page, err
}

// check returns an error for JSON that is no page: without a list of indicators,
// except at the start of a collection that is empty, or with a credential in it.
func (c *Client) check(env envelope, mark string) error {
	const missing = `the answer lacks "data", the list of indicators`
	switch {
	case !env.listed && env.failed:
		return pageError(missing + ", and holds an error")
	case !env.listed && env.total > 0:
		return pageError(fmt.Sprintf("%s, though it holds a total of %d", missing, env.total))
	case !env.listed && mark != StartMark:
		return pageError(missing)
	case env.failed && len(env.elems) == 0:
		return pageError("the answer holds an error and no indicators")
	case secrets.Conceal(env.next) != env.next:
		return pageError("the answer's nextCursorMark holds a credential that was sent to it")
	}
	return nil
}

// take moves what was found into the page.
func (p *Page) take(env envelope) {
	p.buf.elems = env.elems
	p.Indicators = env.elems
	p.NextCursorMark = env.next
	p.Total = env.total
}

// countUnreadable counts the indicators that are not valid JSON, or leaves them out.
func (p *Page) countUnreadable(drop bool) {
	p.Indicators = slices.DeleteFunc(p.Indicators, func(raw []byte) bool {
		if valid(raw) {
			return false
		}
		p.Unreadable++
		return drop
	})
	if drop {
		p.Unreadable = 0
	}
}

func answerError(body []byte, err error) *Error {
	e := &Error{Failure: FailureAnswer, Hint: "if it goes on, look at the appliance's own logs"}
	trimmed := bytes.TrimLeft(body, " \t\r\n\ufeff")
	var syntax *syntaxError
	switch {
	case len(trimmed) == 0:
		e.Reason = "the answer is empty"
	case trimmed[0] == '<':
		e.Reason = "the answer is an HTML or XML page instead of JSON"
		e.Hint = "check url; a login page or a proxy may stand in between"
	case errors.As(err, &syntax):
		e.Reason = fmt.Sprintf("the answer is not valid JSON, from byte %d of %d", syntax.offset, len(body))
	default:
		e.Reason = err.Error()
		e.Hint = "check url"
	}
	return e
}
