// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

// serialSeparators are what tools print between the digits of a serial number.
var serialSeparators = strings.NewReplacer(":", "", " ", "")

// putSerial sets a certificate's serial number as ECS wants it, hexadecimal
// digits in upper case without colons; one that isn't hexadecimal stays as it
// is.
func (o *observable) putSerial() {
	serial := strings.TrimPrefix(strings.TrimPrefix(o.value, "0x"), "0X")
	serial = serialSeparators.Replace(serial)
	var number any
	if serial != "" && allHex(serial) {
		number = strings.ToUpper(serial)
	} else {
		number = o.trimmed()
	}
	o.fields["x509"] = mapstr.M{"serial_number": number}
}
