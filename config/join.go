// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// Join returns the errors that are not nil as one, whose text is theirs, separated by
// semicolons; nil when there are none. A single error is returned as it is.
// errors.Is and errors.As look at each.
func Join(errs ...error) error {
	var all []any
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0].(error)
	}
	return fmt.Errorf(strings.TrimSuffix(strings.Repeat("%w; ", len(all)), "; "), all...)
}
