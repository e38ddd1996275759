// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package registry keeps what has to outlive a process: the cursors, and which
// indicators were delivered. It opens, lists, resets and repairs it.
//
// # Cursors
//
// [Files.Read] never changes the registry, whether a beat runs on it or not: opening
// a memlog repairs, truncates and changes modes, so a copy is opened instead. The
// copy is one that the store had at some moment: it is taken anew when the beat
// has rewritten its files meanwhile.
//
// [Files.Remove] changes the registry, and no other process may have it open.
// Its caller holds the lock of the data directory, as a running beat does.
//
// # Known indicators
//
// [Known] is which indicators (threatq.id and threatq.indicator_id) of an input were
// delivered, and with which updated_at. Delivered means that the output has
// acknowledged the event and not refused the document. An event that a processor
// drops is treated as delivered: the user wanted it so, and a sweep would only have
// it dropped again.
//
// A [Session] follows the events of one client of the pipeline. Entries are announced
// before their events are published, and an acknowledgement is saved before the cursor
// that comes with it. So a SIGKILL at any point leaves each indicator known, not known,
// or [Uncertain]: it may have been delivered. An uncertain one counts as older than any
// version, so that a sweep publishes it if the collection has it, and retires it if
// not. Neither does harm.
//
// A retirement makes uncertain what another input knows or has in flight of the
// indicator, and that is saved before its acknowledgement is: the output may have
// written the two in either order. So may it the versions of one indicator that are in
// flight together, which makes it uncertain as well.
//
// In memory, known indicators are an immutable [Set], some 7 bytes each, and the few
// changes since. On disk they are a base, which is such a set, and a log of what has
// changed since, both with checksums. A change costs a record of the log; both files
// are written anew, by rename, when the log has grown to half of the set. A log that
// breaks off is what a crash leaves. Anything else that is not as it was written is put
// aside, and the input knows nothing then: it retires nothing, and the next sweep
// publishes what the collection holds. When the disk is full the log is given up, and
// the files are written anew as soon as it takes them.
//
// The files of an input that is gone are removed after 90 days, as its cursor is.
package registry
