// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cespare/xxhash/v2"

	elasticfile "github.com/elastic/elastic-agent-libs/file"

	"github.com/threatqbeat/threatqbeat/config"
)

// What is known of an input lies in these files, named by a hash of its key.
const (
	baseSuffix    = ".known"   // the set as of the last rewriting
	logSuffix     = ".log"     // what has changed since; <hash>.<generation>.log
	stateSuffix   = ".json"    // the last sweep
	acceptSuffix  = ".accept"  // what an operator agrees to
	damagedSuffix = ".damaged" // the base or the log, put aside
	baseMagic     = "tqknown2" // the first bytes of a base
	logMagic      = "tqchang2" // and of a log
	logHeader     = 8 + 8 + 8  // magic, hash of the key, generation
	maxKeyBytes   = 1 << 20    // far beyond any
	dirMode       = fs.FileMode(0o750)
)

// errDamaged says that a file is not as it was written.
var errDamaged = errors.New("it is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDamaged}, args...)...)
}

// knownFiles are the files of one input.
type knownFiles struct {
	dir  string
	key  string // the registry's key of the input's cursor
	mode fs.FileMode
}

func (f knownFiles) name() string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(f.key))
}

func (f knownFiles) inputID() string {
	id, _, _ := parseKey(f.key)
	return id
}

func (f knownFiles) path(suffix string) string { return filepath.Join(f.dir, f.name()+suffix) }

func (f knownFiles) log(generation uint64) string {
	return f.path("." + strconv.FormatUint(generation, 10) + logSuffix)
}

// logs returns the paths of the logs of all generations.
func (f knownFiles) logs() ([]string, error) { return filepath.Glob(f.path(".*" + logSuffix)) }

// writeBase puts a new base in place, by a rename.
func (f knownFiles) writeBase(set *Set, generation uint64) error {
	head := []byte(baseMagic)
	head = binary.LittleEndian.AppendUint64(head, generation)
	head = binary.LittleEndian.AppendUint64(head, uint64(set.count))
	head = binary.AppendUvarint(head, uint64(len(f.key)))
	head = append(head, f.key...)
	var sum xxhash.Digest
	sum.Reset()
	_, _ = sum.Write(head)
	_, _ = sum.Write(set.data)
	return f.write(f.path(baseSuffix), head, set.data, binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
}

// write replaces a file by one with these contents, or leaves it as it is.
func (f knownFiles) write(name string, parts ...[]byte) (err error) {
	temporary := name + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, f.mode)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err = file.Write(part); err != nil {
			break
		}
	}
	if err == nil {
		err = file.Sync()
	}
	if err = config.Join(err, file.Close()); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return elasticfile.SafeFileRotate(name, temporary)
}

// readBase reads a base. key is "" when it may be that of any input.
func readBase(name, key string) (set *Set, generation uint64, ofKey string, err error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, "", err
	}
	const fixed, sum = len(baseMagic) + 8 + 8, 8
	if len(raw) < fixed+sum || string(raw[:len(baseMagic)]) != baseMagic {
		return nil, 0, "", damaged("it does not begin as a file of known indicators")
	}
	body := raw[:len(raw)-sum]
	if xxhash.Sum64(body) != binary.LittleEndian.Uint64(raw[len(body):]) {
		return nil, 0, "", damaged("its checksum is wrong")
	}
	generation = binary.LittleEndian.Uint64(body[len(baseMagic):])
	count := binary.LittleEndian.Uint64(body[len(baseMagic)+8:])
	length, n := binary.Uvarint(body[fixed:])
	if rest := len(body) - fixed - n; n <= 0 || length > maxKeyBytes || rest < int(length) || count > uint64(rest) {
		return nil, 0, "", damaged("its head can't be read")
	}
	data := body[fixed+n:]
	ofKey, data = string(data[:length]), data[length:]
	if key != "" && key != ofKey {
		return nil, 0, "", damaged("it is that of another input")
	}
	if set, err = readSet(data, int(count)); err != nil {
		return nil, 0, "", damaged("%s", err)
	}
	return set, generation, ofKey, nil
}

func (f knownFiles) logHead(generation uint64) []byte {
	head := append(make([]byte, 0, logHeader), logMagic...)
	head = binary.LittleEndian.AppendUint64(head, xxhash.Sum64String(f.key))
	return binary.LittleEndian.AppendUint64(head, generation)
}

func (f knownFiles) createLog(generation uint64, contents []byte) (*os.File, error) {
	file, err := os.OpenFile(f.log(generation), os.O_CREATE|os.O_RDWR|os.O_TRUNC|os.O_APPEND, f.mode)
	if err != nil {
		return nil, err
	}
	if _, err = file.Write(append(f.logHead(generation), contents...)); err == nil {
		err = file.Sync()
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// readLog reads the records of a log, and returns how many of its bytes are whole.
func (f knownFiles) readLog(generation uint64, r *replay) (whole int64, err error) {
	raw, err := os.ReadFile(f.log(generation))
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(raw, f.logHead(generation)) {
		return 0, damaged("it does not begin as the log of this input")
	}
	n, err := r.run(raw[logHeader:])
	return int64(logHeader + n), err
}

// openLog continues a log behind its whole records. The file is cut by its descriptor:
// Libbeat's system call filter permits no other way.
func (f knownFiles) openLog(generation uint64, whole int64) (*os.File, error) {
	file, err := os.OpenFile(f.log(generation), os.O_WRONLY|os.O_APPEND, f.mode)
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(whole); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// exists reports whether any file of the input's known indicators is there.
func (f knownFiles) exists() (bool, error) {
	_, err := os.Stat(f.path(baseSuffix))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	logs, err := f.logs()
	return len(logs) > 0, err
}

// putAside moves what is damaged out of the way, and keeps the last such.
func (f knownFiles) putAside() error {
	logs, err := f.logs()
	if err != nil {
		return err
	}
	for _, log := range logs {
		if err := os.Rename(log, f.path(logSuffix+damagedSuffix)); err != nil {
			return err
		}
	}
	if err := os.Rename(f.path(baseSuffix), f.path(baseSuffix+damagedSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
