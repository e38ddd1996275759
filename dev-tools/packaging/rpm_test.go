// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tags of an RPM's header that the tests look at.
const (
	rpmName       = 1000
	rpmVersion    = 1001
	rpmBuildTime  = 1006
	rpmBuildHost  = 1007
	rpmArch       = 1022
	rpmPreIn      = 1023
	rpmPostIn     = 1024
	rpmPreUn      = 1025
	rpmPostUn     = 1026
	rpmFileModes  = 1030
	rpmFileFlags  = 1037
	rpmFileUser   = 1039
	rpmFileGroup  = 1040
	rpmDirIndexes = 1116
	rpmBaseNames  = 1117
	rpmDirNames   = 1118

	rpmFlagConfig    = 1 << 0
	rpmFlagNoReplace = 1 << 4
)

// rpmHeader maps a tag to where its values begin and how many there are.
type rpmHeader struct {
	index map[int]rpmIndex
	store []byte
}

type rpmIndex struct{ kind, offset, count int }

// readRPM reads the header of an RPM: a lead of 96 bytes and a header with
// signatures, padded to 8 bytes, stand before it.
func readRPM(t *testing.T, content []byte) rpmHeader {
	t.Helper()
	const lead = 96
	require.True(t, bytes.HasPrefix(content, []byte{0xed, 0xab, 0xee, 0xdb}))
	_, size := readRPMHeader(t, content[lead:])
	header, _ := readRPMHeader(t, content[lead+(size+7)/8*8:])
	return header
}

func readRPMHeader(t *testing.T, content []byte) (header rpmHeader, size int) {
	t.Helper()
	require.True(t, bytes.HasPrefix(content, []byte{0x8e, 0xad, 0xe8, 0x01}))
	number := func(at int) int { return int(binary.BigEndian.Uint32(content[at:])) }
	const intro, entrySize = 16, 16
	entries, stored := number(8), number(12)
	header.index = map[int]rpmIndex{}
	for i := range entries {
		at := intro + i*entrySize
		header.index[number(at)] = rpmIndex{kind: number(at + 4), offset: number(at + 8), count: number(at + 12)}
	}
	size = intro + entries*entrySize + stored
	header.store = content[size-stored : size]
	return header, size
}

func (h rpmHeader) texts(tag int) []string {
	var texts []string
	entry := h.index[tag]
	rest := h.store[entry.offset:]
	for range entry.count {
		text, after, _ := bytes.Cut(rest, []byte{0})
		texts = append(texts, string(text))
		rest = after
	}
	return texts
}

func (h rpmHeader) text(tag int) string {
	if texts := h.texts(tag); len(texts) > 0 {
		return texts[0]
	}
	return ""
}

func (h rpmHeader) numbers(tag int) []uint32 {
	const int16Kind = 3
	var numbers []uint32
	entry := h.index[tag]
	for i := range entry.count {
		if entry.kind == int16Kind {
			numbers = append(numbers, uint32(binary.BigEndian.Uint16(h.store[entry.offset+2*i:])))
		} else {
			numbers = append(numbers, binary.BigEndian.Uint32(h.store[entry.offset+4*i:]))
		}
	}
	return numbers
}

func (h rpmHeader) files(t *testing.T) []entry {
	t.Helper()
	const directory = 0o040000
	dirs, names := h.texts(rpmDirNames), h.texts(rpmBaseNames)
	dirOf, modes := h.numbers(rpmDirIndexes), h.numbers(rpmFileModes)
	users, groups := h.texts(rpmFileUser), h.texts(rpmFileGroup)
	require.Len(t, modes, len(names))
	require.Len(t, users, len(names))
	entries := make([]entry, len(names))
	for i, name := range names {
		mode := os.FileMode(modes[i] & 0o777)
		if modes[i]&0o170000 == directory {
			mode |= os.ModeDir
		}
		entries[i] = entry{name: dirs[dirOf[i]] + name, mode: mode, owner: users[i] + ":" + groups[i]}
	}
	return entries
}
