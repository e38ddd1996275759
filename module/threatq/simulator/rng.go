// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "math/bits"

// rng is a splitmix64 generator: one word of state, so that seeding one for each indicator costs nothing.
type rng uint64

// newRNG returns the generator of one stream of one indicator.
func newRNG(seed, index, stream uint64) rng {
	r := rng(seed ^ index*0x9e3779b97f4a7c15 ^ stream*0xd1b54a32d192ed03)
	r.next()
	return rng(r.next())
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// intn returns a number from 0 to n-1.
func (r *rng) intn(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// oneIn is true once in n calls.
func (r *rng) oneIn(n int) bool { return r.intn(n) == 0 }

// share is true for the given share, 0 to 1, of the calls.
func (r *rng) share(p float64) bool {
	return p > 0 && float64(r.next()>>11)/(1<<53) < p
}

// mix is the finaliser of splitmix64, a bijection of 64 bits.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
