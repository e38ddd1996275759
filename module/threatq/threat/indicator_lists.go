// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import "fmt"

// readAttributes reads the list of attributes. A list that occurs again
// replaces the one before.
func (d *decoder) readAttributes() error {
	d.ind.Attributes = d.ind.Attributes[:0]
	return d.readList("attributes", maxAttributes, d.readAttribute)
}

func (d *decoder) readSources() error {
	d.ind.Sources = d.ind.Sources[:0]
	return d.readList("sources", maxListed, d.readSource)
}

func (d *decoder) readAdversaries() error {
	d.ind.Adversaries = d.ind.Adversaries[:0]
	return d.readList("adversaries", maxListed, d.readAdversary)
}

// readList reads at most limit elements of a list with read and skips the
// others. A list with gaps comes as an object, because that is how PHP writes one:
// its keys are the positions.
func (d *decoder) readList(field string, limit int, read func() error) error {
	d.listBytes = 0
	if c := d.Peek(); c != '[' && c != '{' {
		return d.wrongType(field, "a list")
	}
	return d.Elements(func(i int) error {
		if i < limit {
			return read()
		}
		if i == limit {
			d.ind.cut(fmt.Sprintf("%s after the first %d were left out", field, limit))
		}
		return d.Skip()
	})
}

// fits says whether a list has room for that much more text. What doesn't fit is
// to be left out.
func (d *decoder) fits(field string, bytes int) bool {
	d.listBytes += bytes
	if d.listBytes > maxListBytes {
		d.ind.cut(fmt.Sprintf("%s after the first %d bytes of them were left out", field, maxListBytes))
		return false
	}
	return true
}

func (d *decoder) readAttribute() error {
	if d.Peek() != '{' {
		return d.wrongType("an element of attributes", "an object")
	}
	if err := d.Enter(); err != nil {
		return err
	}
	// Without a name a value still says something: it goes to the key that an
	// empty name has. Attributes are most of an indicator, so that the members are
	// read without a call for each.
	name, value, hasValue := emptyAttributeName, "", false
	for i := 0; ; i++ {
		key, more, err := d.NextKey(i)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch string(key) {
		case "name":
			name, err = d.readAttributeName()
		case "value":
			value, hasValue, err = d.readAttributeValue()
		default:
			err = d.Skip()
		}
		if err != nil {
			return err
		}
	}
	if hasValue && d.fits("attributes", len(name)+len(value)) {
		d.ind.Attributes = append(d.ind.Attributes, indicatorAttribute{Name: name, Value: value})
	}
	return nil
}

// readAttributeName returns the key that the name becomes.
func (d *decoder) readAttributeName() (string, error) {
	raw, ok, err := d.Scalar()
	if err != nil {
		return "", err
	}
	if !ok {
		return emptyAttributeName, d.wrongType("the name of an attribute", "a string")
	}
	if name, ok := d.names[string(raw)]; ok {
		return name, nil
	}
	name, cut := attributeName(raw)
	if cut {
		d.ind.cut(fmt.Sprintf("the name of an attribute was cut to its first %d bytes", maxNameBytes))
	}
	if len(raw) <= maxCachedNameBytes {
		if d.names == nil {
			d.names = make(map[string]string)
		} else if len(d.names) >= maxCachedNames {
			clear(d.names)
		}
		d.names[string(raw)] = name
	}
	return name, nil
}

func (d *decoder) readAttributeValue() (value string, ok bool, err error) {
	text, ok, err := d.Scalar()
	if err != nil {
		return "", false, err
	}
	if !ok {
		return "", false, d.wrongType("the value of an attribute", "a string")
	}
	if d.listBytes > maxListBytes {
		return "", true, nil // it is left out, so don't copy it
	}
	return d.keep(text, "the value of an attribute"), true, nil
}

func (d *decoder) readSource() error {
	if d.Peek() != '{' {
		return d.wrongType("an element of sources", "an object")
	}
	var source indicatorSource
	err := d.Object(func(key []byte) error {
		switch string(key) {
		case "name":
			return d.readText(&source.Name, "sources.name")
		case "tlp_name":
			return d.readText(&source.TLP, "sources.tlp_name")
		case "published_at":
			return d.readDate(&source.PublishedAt, "sources.published_at")
		case "updated_at":
			return d.readDate(&source.UpdatedAt, "sources.updated_at")
		}
		return d.Skip()
	})
	if err != nil {
		return err
	}
	if d.fits("sources", len(source.Name)) {
		d.ind.Sources = append(d.ind.Sources, source)
	}
	return nil
}

func (d *decoder) readAdversary() error {
	var name string
	if err := d.readName(&name, "an element of adversaries"); err != nil {
		return err
	}
	if name != "" && d.fits("adversaries", len(name)) {
		d.ind.Adversaries = append(d.ind.Adversaries, name)
	}
	return nil
}
