// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// errRange says that a value can be read and is out of range.
var errRange = errors.New("out of range")

// check refuses a text that can't be the setting's value. Its error continues a
// sentence that begins with the setting's name.
func (o Option) check(text string) error {
	err := o.checkValue(text)
	switch {
	case err == nil:
		return nil
	case o.Secret():
		return fmt.Errorf("can't be read: it must be %s", o.expectation())
	case errors.Is(err, errRange):
		return fmt.Errorf("is %s: it must be %s", text, o.expectation())
	default:
		return fmt.Errorf("is %q: it must be %s", Shorten(text), o.expectation())
	}
}

func (o Option) checkValue(text string) error {
	switch o.Type {
	case TypeBool:
		_, err := strconv.ParseBool(text)
		return err
	case TypeInt, TypeFloat, TypeDuration, TypeLifetime, TypeBytes:
		// Libbeat takes a number for seconds. Our own settings, which are those with
		// a version that they came with, need a unit.
		if n, err := strconv.ParseFloat(text, 64); err == nil && n != 0 && o.Type == TypeDuration && o.Since != "" {
			return errors.New("no unit")
		}
		value, err := o.Type.number(text)
		if err != nil {
			return err
		}
		for bound, sign := range map[string]float64{o.Min: 1, o.Max: -1} {
			if limit, err := o.Type.number(bound); bound != "" && (err != nil || !(sign*value >= sign*limit)) {
				return errRange
			}
		}
	case TypeShare:
		return new(Share).Unpack(text)
	case TypeString:
		if len(o.Values) > 0 && !slices.Contains(o.Values, text) {
			return errors.New("none of the values")
		}
	}
	return nil
}

// number returns a value of a type that has an order, for comparison.
func (t Type) number(text string) (float64, error) {
	switch t {
	case TypeDuration:
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			return seconds * float64(time.Second), nil
		}
		duration, err := time.ParseDuration(text)
		return float64(duration), err
	case TypeLifetime:
		lifetime, err := ParseLifetime(text)
		return float64(lifetime), err
	case TypeBytes:
		var size ByteSize
		err := size.Unpack(text)
		return float64(size), err
	case TypeInt:
		if whole, err := strconv.ParseInt(text, 0, 64); err == nil {
			return float64(whole), nil
		}
		number, err := strconv.ParseFloat(text, 64)
		if number != math.Trunc(number) {
			err = errors.New("not a whole number")
		}
		return number, err
	default:
		return strconv.ParseFloat(text, 64)
	}
}

// expectation says what the value must be.
func (o Option) expectation() string {
	text := map[Type]string{
		TypeString:     "a text",
		TypeURL:        "an address",
		TypeBool:       "true or false",
		TypeInt:        "a whole number",
		TypeFloat:      "a number",
		TypeDuration:   "a duration such as 30s or 1m",
		TypeLifetime:   "a whole number of days, hours or minutes above zero, such as 90d, 12h or 30m",
		TypeBytes:      "a number of bytes, or one with a unit such as 256MiB",
		TypeShare:      "a share from 0% to 100% such as 20%, or a number such as 500",
		TypeFileMode:   "a file mode such as 0600",
		TypeList:       "a list",
		TypeObject:     "a group of settings",
		TypeProcessors: "a list of processors",
		TypeInputs:     "a list of inputs",
	}[o.Type]
	switch limits := o.RangeText(); {
	case o.Expected != "":
		return o.Expected
	case len(o.Values) > 0:
		return "one of " + limits
	case limits != "":
		return text + " (" + limits + ")"
	}
	return text
}
