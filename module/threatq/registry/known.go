// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

const (
	// fewChanges are kept beside the set before both become one, and one in
	// mergeShare of the set: each indicator is merged some mergeShare times while
	// a collection of any size is collected first.
	fewChanges = 8 << 10
	mergeShare = 8
	// fewLogged entries are logged before the files are written anew, and one in
	// rewriteShare of the set.
	fewLogged    = 64 << 10
	rewriteShare = 2
	// rewriteRetry is the time between two attempts to write files on a disk that
	// can't take them.
	rewriteRetry = 10 * time.Second
)

// Known are the known indicators of one input: those that the output has
// acknowledged and not refused, and which version of them. The package's
// documentation has the contract. Its methods may be called from any goroutine.
type Known struct {
	files knownFiles
	log   *logp.Logger
	now   func() time.Time

	mu         sync.Mutex
	set        *Set
	changes    []Entry // of the set, the last of an indicator counts
	latest     Version // the latest of all
	sessions   map[uint64]*Session
	lastID     uint64
	doubtful   int // since Doubtful was called
	generation uint64
	out        *os.File // the log, nil when closed or broken
	logged     int      // entries in the log
	failed     time.Time
	failure    error // why out is broken
	saved      func(error)
	retired    func([]Indicator) // takes what the output has acknowledged as retired
	closed     bool

	running bool // whether an input uses it; KnownStore.mu is held

	// Fresh says that nothing was known at the start, and Damage why, where files
	// were there.
	Fresh  bool
	Damage string
}

// openKnown reads the files of an input, or begins them.
func openKnown(files knownFiles, log *logp.Logger) (*Known, error) {
	k := &Known{files: files, log: log, now: time.Now, set: &Set{}, sessions: map[uint64]*Session{}, retired: func([]Indicator) {}}
	exists, err := files.exists()
	if err == nil && exists {
		err = k.load()
	}
	switch {
	case errors.Is(err, errDamaged):
		k.Fresh, k.Damage = true, err.Error()
		log.Warnw("The known indicators are damaged. They are put aside and learned anew, and nothing is retired because of it.", "error", err, "file", files.path(baseSuffix))
		if err := files.putAside(); err != nil {
			return nil, fmt.Errorf("putting damaged known indicators aside: %w", err)
		}
		k.set, k.changes = &Set{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the known indicators: %w", err)
	case exists:
		k.append(appendOpened(nil))
		return k, nil
	}
	k.Fresh = true
	if err := k.rewrite(); err != nil { // the disk is full: collecting goes on
		k.broken(err)
	}
	return k, nil
}

// load reads the base and what has changed since, and continues the log.
func (k *Known) load() error {
	set, generation, _, err := readBase(k.files.path(baseSuffix), k.files.key)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged("the file is missing, though there is a log of its changes")
	}
	if err != nil {
		return err
	}
	k.set, k.generation, k.latest = set, generation, set.latest
	var r replay
	whole, err := k.files.readLog(generation, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged("the log of its changes is missing")
	}
	if err != nil {
		return err
	}
	k.apply(r.changes)
	k.logged = r.entries
	k.merge()
	if k.out, err = k.files.openLog(generation, whole); err != nil {
		return err
	}
	return k.removeOldLogs()
}

func (k *Known) removeOldLogs() error {
	logs, err := k.files.logs()
	for _, log := range logs {
		if log != k.files.log(k.generation) {
			err = config.Join(err, os.Remove(log))
		}
	}
	return err
}

// apply takes changes over, and merges them when they have become many.
func (k *Known) apply(changes []Entry) {
	for _, entry := range changes {
		if entry.Named() {
			k.changes = append(k.changes, entry)
			k.latest = max(k.latest, dated(entry.Version))
		}
	}
	if len(k.changes) > fewChanges+k.set.Len()/mergeShare {
		k.merge()
	}
}

func (k *Known) merge() {
	if len(k.changes) > 0 {
		k.set = k.set.with(k.changes)
		k.changes = nil
	}
}

// append adds records to the log. While it is broken they are left out: what they
// say is part of the files once these are written anew.
func (k *Known) append(records []byte) {
	if k.out == nil {
		return
	}
	if _, err := k.out.Write(records); err != nil {
		k.broken(err)
	}
}

// OnSave has f called now, and whenever that changes, with why the known indicators
// can't be saved, nil when they are. f must not block or call k.
func (k *Known) OnSave(f func(error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.saved = f
	f(k.failure)
}

// Repair tries again to save what could not be saved. It is to be called now and then.
func (k *Known) Repair() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.repair()
}

func (k *Known) report(failure error) {
	k.failure = failure
	if k.saved != nil {
		k.saved(failure)
	}
}

// repair writes the files anew when the log is broken, if the disk takes them.
func (k *Known) repair() {
	if k.out != nil || k.closed || k.now().Sub(k.failed) < rewriteRetry {
		return
	}
	if err := k.rewrite(); err != nil {
		k.broken(err)
		return
	}
	k.report(nil)
}

func (k *Known) broken(err error) {
	if k.out != nil {
		_ = k.out.Close()
		k.out = nil
	}
	k.failed = k.now()
	k.log.Errorw("The known indicators can't be saved. What is published meanwhile is saved once there is room.", "error", err)
	k.report(err)
}

// rewrite writes the set as it is now to a new base, with a log that begins with
// what is sent and not acknowledged.
func (k *Known) rewrite() error {
	k.merge()
	var sent []byte
	logged := 0
	for id, s := range k.sessions {
		if entries := s.unacknowledged(); len(entries) > 0 {
			sent = appendSent(sent, id, entries)
			logged += len(entries)
		}
	}
	generation := k.generation + 1
	out, err := k.files.createLog(generation, sent)
	if err != nil {
		return err
	}
	if err := k.files.writeBase(k.set, generation); err != nil {
		_ = out.Close()
		return err
	}
	if k.out != nil {
		_ = k.out.Close()
	}
	k.out, k.generation, k.logged = out, generation, logged
	if err := k.removeOldLogs(); err != nil {
		k.log.Debugw("An old log of known indicators can't be removed.", "error", err)
	}
	return nil
}

// Snapshot returns what is known now.
func (k *Known) Snapshot() *Set {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.merge()
	return k.set
}

// Latest returns the latest date among everything that was published.
func (k *Known) Latest() Version {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.latest
}

// forget takes indicators out without an event.
func (k *Known) forget(indicators []Indicator) {
	if len(indicators) == 0 {
		return
	}
	entries := make([]Entry, len(indicators))
	for i, indicator := range indicators {
		entries[i] = Entry{indicator, Gone}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.change(entries)
}

// doubt makes uncertain what is known or in flight of indicators that another input has
// retired.
func (k *Known) doubt(retired []Indicator) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.merge()
	var entries []Entry
	for _, indicator := range retired {
		k.overtake(indicator)
		if _, version, ok := k.set.Find(indicator); ok && version != Uncertain {
			entries = append(entries, Entry{indicator, Uncertain})
		}
	}
	if len(entries) > 0 {
		k.doubtful += len(entries)
		k.change(entries)
	}
}

// uncertain returns which of the indicators are known, and in no certain version.
func (k *Known) uncertain(indicators []Indicator) []Indicator {
	set := k.Snapshot()
	var found []Indicator
	for _, indicator := range indicators {
		if _, version, ok := set.Find(indicator); ok && version == Uncertain {
			found = append(found, indicator)
		}
	}
	return found
}

func (k *Known) change(entries []Entry) {
	k.apply(entries)
	k.append(appendChanged(nil, entries))
	k.logged += len(entries)
	k.repair()
}

// Refuse notes that the output has refused an indicator's document, before the
// batch that holds it is acknowledged.
func (k *Known) Refuse(i Indicator) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.doubtful++
	for _, s := range k.sessions {
		for n := range s.queue {
			if s.queue[n].Indicator == i {
				s.queue[n].refused = true
			}
		}
	}
}

// Doubtful returns of how many indicators the output may lack the last version since it
// was last called: their documents were refused, or an earlier version or a retirement may
// have been written behind them.
func (k *Known) Doubtful() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.doubtful
	k.doubtful = 0
	return n
}

// holds returns which of the indicators are known, or on their way to the output.
func (k *Known) holds(indicators []Indicator, found map[Indicator]bool) {
	k.mu.Lock()
	k.merge()
	set := k.set
	sent := map[Indicator]bool{}
	for _, s := range k.sessions {
		for _, entry := range s.unacknowledged() {
			sent[entry.Indicator] = entry.Version != Gone
		}
	}
	k.mu.Unlock()
	for _, i := range indicators {
		if _, _, ok := set.Find(i); ok || sent[i] {
			found[i] = true
		}
	}
}

// close ends the saving. The log holds everything already.
func (k *Known) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	var err error
	if k.out == nil {
		err = k.rewrite()
	}
	k.closed = true
	if k.out != nil {
		err = config.Join(err, k.out.Sync(), k.out.Close())
		k.out = nil
	}
	return err
}
