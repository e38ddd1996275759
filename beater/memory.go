// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"math"
	"runtime/debug"

	"github.com/threatqbeat/threatqbeat/config"
)

// memoryLimit is how much memory the garbage collector tries to keep to. It works
// harder the closer it gets, and costs nothing before: a page of max_body_size and what
// is in flight take less, but garbage of the same size is left while they are taken in.
const memoryLimit = 700 << 20

// limitMemory sets the limit, unless GOMEMLIMIT has set one. More in flight than by
// default raises it.
func limitMemory(maxInFlight config.ByteSize) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit + 2*int64(maxInFlight))
	}
}
