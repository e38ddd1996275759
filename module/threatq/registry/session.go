// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import "github.com/elastic/beats/v7/libbeat/beat"

// Session follows the events of one client of the pipeline from the input to the
// acknowledgement of the output. It is the client's beat.EventListener; the client
// tells it of each event within the call that publishes it.
type Session struct {
	known *Known
	id    uint64

	// Below, known.mu is held.
	announced []Entry // and not published yet
	queue     []sent  // published and not settled, in order
	added     int     // to queue, ever
	settled   int     // ever
	waiting   bool    // for the client to take the event of announced[0]
	// last has how many were added to the queue with the last one whose indicator
	// has this hash.
	last [1 << hashBits]int
}

// sent is an entry in flight.
type sent struct {
	Entry
	// dropped is one that the queue has not taken: nobody will acknowledge it.
	dropped bool
	// refused is one that has not arrived.
	refused bool
	// overtaken is one that the output may write before an earlier one of its
	// indicator, which was in flight when it was published.
	overtaken bool
	// before is what Session.last said when it was added.
	before int
}

// hashBits has a queue of thousands find an indicator in a step or two.
const hashBits = 12

func (i Indicator) hash() int {
	const golden = 0x9e3779b97f4a7c15
	return int((uint64(i.ID)*golden ^ uint64(i.IndicatorID)) * golden >> (64 - hashBits))
}

var _ beat.EventListener = (*Session)(nil)

// Connect begins a session, for one client of the pipeline.
func (k *Known) Connect() *Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lastID++
	s := &Session{known: k, id: k.lastID}
	k.sessions[s.id] = s
	return s
}

// Announce saves that these entries are about to be published, in this order, so
// that a crash leaves no doubt about what may have been delivered. Publish is
// called for each of them, or Abandon.
func (s *Session) Announce(entries []Entry) {
	k := s.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.out != nil && k.logged > fewLogged+k.set.Len()/rewriteShare {
		if err := k.rewrite(); err != nil {
			k.broken(err)
		}
	}
	k.repair()
	s.announced = append(s.announced, entries...)
	k.append(appendSent(nil, s.id, entries))
	k.logged += len(entries)
	for _, entry := range entries {
		k.latest = max(k.latest, dated(entry.Version))
	}
}

// Publish calls publish, which has the client publish the event of the entry that
// was announced next.
func (s *Session) Publish(publish func() error) error {
	s.known.mu.Lock()
	s.waiting = true
	s.known.mu.Unlock()
	err := publish()
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	if s.waiting { // the client is closed
		s.take(sent{dropped: true, refused: true})
	}
	return err
}

// Abandon says that the rest of what was announced won't be published.
func (s *Session) Abandon() {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	for len(s.announced) > 0 {
		s.take(sent{dropped: true, refused: true})
	}
}

// take moves the next entry from what is announced to what is in flight. An output
// with several workers, or one that sends parts of a batch again, may write what is in
// flight of an indicator in any order, so that the next sweep publishes it once more.
func (s *Session) take(as sent) {
	as.Entry = s.announced[0]
	s.announced = s.announced[1:]
	if !as.dropped {
		as.overtaken = s.overtake(as.Indicator)
		if len(s.known.sessions) > 1 { // the client of an input that was started anew
			as.overtaken = s.known.overtake(as.Indicator) || as.overtaken
		}
	}
	s.added++
	if as.Named() && !as.dropped {
		last := &s.last[as.hash()]
		as.before, *last = *last, s.added
	}
	s.queue = append(s.queue, as)
	s.waiting = false
}

// AddEvent takes an event that has passed the processors, or was dropped by one.
func (s *Session) AddEvent(_ beat.Event, published bool) {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	if s.waiting {
		s.take(sent{dropped: !published})
	}
}

// ClientClosed is part of beat.EventListener; events of a closed client are still
// acknowledged.
func (*Session) ClientClosed() {}

// ACKEvents takes the acknowledgement of the next n events. When it returns, it is
// saved that they are known. What other inputs know of those that were retired is in
// doubt before that, so that a crash in between leaves it so.
func (s *Session) ACKEvents(n int) {
	if retired := s.retired(n); len(retired) > 0 {
		s.known.retired(retired)
	}
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	s.acknowledge(n)
}

// Progress returns how many events were published and how many of them are
// settled. It settles those that nobody will acknowledge.
func (s *Session) Progress() (published, settled int) {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	s.acknowledge(0)
	return s.added, s.settled
}

// acknowledge settles the next n events, and the dropped ones around them.
func (s *Session) acknowledge(n int) {
	var (
		k         = s.known
		count     = 0
		refused   []int
		known     = make([]Entry, 0, n)
		uncertain []Entry
	)
	for ; count < len(s.queue); count++ {
		entry := &s.queue[count]
		if !entry.dropped {
			if n == 0 {
				break
			}
			n--
		}
		if entry.refused {
			refused = append(refused, count)
			continue
		}
		known = append(known, entry.Entry)
		if entry.overtaken {
			uncertain = append(uncertain, Entry{entry.Indicator, Uncertain})
		}
	}
	if count == 0 {
		return
	}
	s.queue = s.queue[count:]
	s.settled += count
	records := appendAcked(nil, s.id, count, refused)
	if len(uncertain) > 0 {
		records = appendChanged(records, uncertain)
	}
	k.doubtful += len(uncertain)
	k.apply(append(known, uncertain...))
	k.append(records)
	k.repair()
}

// retired returns what the next n events retire, but for those that were refused.
func (s *Session) retired(n int) []Indicator {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	var retired []Indicator
	for i := range s.queue {
		entry := &s.queue[i]
		if entry.dropped {
			continue
		}
		if n--; n < 0 {
			break
		}
		if entry.Version == Gone && !entry.refused {
			retired = append(retired, entry.Indicator)
		}
	}
	return retired
}

// overtake marks what is in flight of an indicator, and reports whether anything is.
func (s *Session) overtake(i Indicator) (found bool) {
	if !i.Named() {
		return false
	}
	for at := s.last[i.hash()]; at > s.settled; {
		entry := &s.queue[at-s.settled-1]
		if entry.Indicator == i {
			entry.overtaken, found = true, true
		}
		at = entry.before
	}
	return found
}

// overtake does the same for all clients.
func (k *Known) overtake(i Indicator) (found bool) {
	for _, s := range k.sessions {
		found = s.overtake(i) || found
	}
	return found
}

// unacknowledged returns what was announced and is not settled, in order.
func (s *Session) unacknowledged() []Entry {
	entries := make([]Entry, 0, len(s.queue)+len(s.announced))
	for _, entry := range s.queue {
		entries = append(entries, entry.Entry)
	}
	return append(entries, s.announced...)
}
