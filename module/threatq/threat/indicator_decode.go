// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/threatqbeat/threatqbeat/module/threatq/jsonscan"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

const (
	// arenaBytes is how much text of successive indicators shares one
	// allocation: some twenty indicators.
	arenaBytes = 8 << 10
	// maxCachedNames and maxCachedNameBytes bound the cache of the keys that
	// attributes' names become. A collection has some dozens of them.
	maxCachedNames     = 1024
	maxCachedNameBytes = 64
)

var errNoID = errors.New("it has neither an id nor an indicator_id that is an integer")

// decoder reads raw indicators into ind, one after the other. Nothing of ind
// refers to the raw bytes afterwards: its strings are copies.
type decoder struct {
	jsonscan.Scanner
	ind indicator
	// brief leaves out all members but those that Mapper.Brief needs.
	brief bool

	// arena is where the strings of events live. A string keeps the allocation
	// that it is part of alive, so these are small, and one that is full is
	// left to its strings.
	arena strings.Builder
	// names has the key of each attribute name that was read recently.
	names map[string]string
	// listBytes is how much text of the list that is being read was kept so far.
	listBytes int
}

// decode reads one indicator. The error says why it can't be read at all; what
// is wrong with single fields is in ind.Problems.
func (d *decoder) decode(raw []byte) error {
	d.Scanner.Reset(raw)
	if d.Peek(); d.Pos() >= len(raw) {
		d.ind.reset()
		return errors.New("it is empty")
	}
	unusable, err := d.next()
	if err == nil {
		err = d.End()
	}
	if err != nil {
		return err
	}
	return unusable
}

// next reads the value at the scanner's position. err says that it isn't JSON,
// unusable why it is no indicator.
func (d *decoder) next() (unusable, err error) {
	d.ind.reset()
	if d.Peek() != '{' {
		// What isn't JSON at all is said to be that.
		typeName := d.TypeName()
		if err := d.Skip(); err != nil {
			return nil, err
		}
		return fmt.Errorf("it is %s instead of an object", typeName), nil
	}
	if err := d.indicator(); err != nil {
		return nil, err
	}
	switch {
	case d.ind.Named():
		return nil, nil
	case len(d.ind.Problems) > 0:
		return fmt.Errorf("%w: %s", errNoID, strings.Join(d.ind.Problems, "; ")), nil
	}
	return errNoID, nil
}

func (d *decoder) indicator() error {
	if err := d.Enter(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		key, more, err := d.NextKey(i)
		if err != nil || !more {
			return err
		}
		if err := d.member(key); err != nil {
			return err
		}
	}
}

// BriefFields is the parameter fields of a request for what [Mapper.Brief] needs: the
// members that member reads first. The appliance may send more.
const BriefFields = "id,indicator_id,status,created_at,updated_at,published_at,expires_at,expired_at"

// member reads one member of the indicator. The last one of a name counts.
func (d *decoder) member(key []byte) error {
	ind := &d.ind
	switch string(key) {
	case "id":
		return d.readID(&ind.ID, "id")
	case "indicator_id":
		return d.readID(&ind.IndicatorID, "indicator_id")
	case "status":
		return d.readName(&ind.Status, "status")
	case "created_at":
		return d.readDate(&ind.CreatedAt, "created_at")
	case "updated_at":
		return d.readDate(&ind.UpdatedAt, "updated_at")
	case "published_at":
		return d.readDate(&ind.PublishedAt, "published_at")
	case "expires_at":
		return d.readDate(&ind.ExpiresAt, "expires_at")
	case "expired_at":
		return d.readDate(&ind.ExpiredAt, "expired_at")
	}
	if d.brief {
		return d.Skip()
	}
	switch string(key) {
	case "value":
		return d.readText(&ind.Value, "value")
	case "description":
		return d.readText(&ind.Description, "description")
	case "type":
		return d.readName(&ind.Type, "type")
	case "score":
		return d.readScore()
	case "touched_at":
		return d.readDate(&ind.TouchedAt, "touched_at")
	case "expires_calculated_at":
		return d.readDate(&ind.ExpiresCalculatedAt, "expires_calculated_at")
	case "attributes":
		return d.readAttributes()
	case "sources":
		return d.readSources()
	case "adversaries":
		return d.readAdversaries()
	}
	return d.Skip()
}

// wrongType notes that field has a value of a type that it can't have, and
// skips the value. A null is the same as no value.
func (d *decoder) wrongType(field, wanted string) error {
	if d.Peek() == 'n' {
		return d.Skip()
	}
	typeName := d.TypeName()
	if err := d.Skip(); err != nil {
		return err
	}
	d.ind.problem(fmt.Sprintf("%s was left out: it is %s instead of %s", field, typeName, wanted))
	return nil
}

// readNumber returns the text of a number or of a string that may hold one, empty for
// none.
func (d *decoder) readNumber(field, wanted string) ([]byte, error) {
	if c := d.Peek(); c != '"' && c != '-' && !isDigit(c) {
		return nil, d.wrongType(field, wanted)
	}
	text, _, err := d.Scalar()
	return bytes.TrimSpace(text), err
}

func (d *decoder) readID(id *int64, field string) error {
	*id = registry.Missing
	text, err := d.readNumber(field, "an integer")
	if err != nil || len(text) == 0 {
		return err
	}
	parsed, ok := parseID(text)
	if !ok {
		d.ind.problem(fmt.Sprintf("%s was left out: %s is not an integer of 64 bits", field, quote(text)))
		return nil
	}
	*id = parsed
	return nil
}

func (d *decoder) readScore() error {
	d.ind.Score, d.ind.HasScore = 0, false
	text, err := d.readNumber("score", "a number")
	if err != nil || len(text) == 0 {
		return err
	}
	score, ok := parseNumber(text)
	if !ok || score < 0 || score > 10 {
		d.ind.problem(fmt.Sprintf("score was left out: %s is not a number from 0 to 10", quote(text)))
		return nil
	}
	d.ind.Score, d.ind.HasScore = score, true
	return nil
}

func (d *decoder) readDate(to *date, field string) error {
	*to = 0
	if d.Peek() != '"' {
		return d.wrongType(field, "a date")
	}
	text, err := d.Scanner.Text()
	if err != nil {
		return err
	}
	date, ok := parseDate(text)
	if !ok {
		d.ind.problem(fmt.Sprintf("%s was left out: %s is not a date such as 2006-01-02 15:04:05", field, quote(text)))
		return nil
	}
	*to = date
	return nil
}

// readText reads a text. A number or boolean is taken for the text that it was
// written as.
func (d *decoder) readText(s *string, field string) error {
	*s = ""
	text, ok, err := d.Scalar()
	if err != nil {
		return err
	}
	if !ok {
		return d.wrongType(field, "a string")
	}
	*s = d.keep(text, field)
	return nil
}

// readName reads the name of an object such as a type or a status, or a plain
// string in the place of such an object.
func (d *decoder) readName(s *string, field string) error {
	*s = ""
	switch d.Peek() {
	case '"':
		return d.readText(s, field)
	case '{':
	default:
		return d.wrongType(field, "an object with a name")
	}
	return d.Object(func(key []byte) error {
		if string(key) == "name" {
			return d.readText(s, field)
		}
		return d.Skip()
	})
}

// keep copies text, which is about to be overwritten, to a string that lives as
// long as its event. It cuts what is too long.
func (d *decoder) keep(text []byte, field string) string {
	if len(text) > maxTextBytes {
		text = cutText(text, maxTextBytes)
		d.ind.cut(fmt.Sprintf("%s was cut to its first %d bytes", field, maxTextBytes))
	}
	if len(text) > arenaBytes/8 {
		return string(text)
	}
	if d.arena.Cap()-d.arena.Len() < len(text) {
		d.arena.Reset()
		d.arena.Grow(arenaBytes)
	}
	start := d.arena.Len()
	d.arena.Write(text)
	return d.arena.String()[start:]
}
