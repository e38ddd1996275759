// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/hex"
	"strconv"
)

// valueFunc appends the value of an indicator, not yet quoted. Values carry n, the number of the indicator in
// hexadecimal form or otherwise, and so are unique wherever the documentation ranges are large enough.
type valueFunc func(b []byte, n uint64, r *rng) []byte

func pick(list []string, r *rng) string { return list[r.intn(len(list))] }

var (
	docNetworks = []string{"192.0.2.", "198.51.100.", "203.0.113."}
	docDomains  = []string{"example.com", "example.org", "example.net"}
	hostWords   = []string{"login", "cdn", "update", "mail", "static", "api", "files", "portal", "sync", "news"}
	fileWords   = []string{"invoice", "payment", "update", "report", "setup", "scan", "Résumé", "order form", "contract"}
	fileExts    = []string{".exe", ".dll", ".pdf.exe", ".docm", ".js", ".zip", ".iso", ".lnk", ".ps1"}
	urlExts     = []string{".php", ".html", ".exe", ".zip", ".aspx", "", ".js"}
	hives       = []string{`HKEY_LOCAL_MACHINE`, `HKEY_CURRENT_USER`, `HKLM`, `HKCU`, `HKEY_USERS`}
)

func appendHex(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 16) }

func appendHost(b []byte, n uint64, r *rng) []byte {
	b = append(b, pick(hostWords, r)...)
	b = append(b, '-')
	b = appendHex(b, n)
	b = append(b, '.')
	return append(b, pick(docDomains, r)...)
}

func appendIPv4(b []byte, r *rng) []byte {
	b = append(b, pick(docNetworks, r)...)
	return strconv.AppendUint(b, uint64(r.intn(256)), 10)
}

// appendIPv6 puts n into the last 64 bits of an address in 2001:db8::/32.
func appendIPv6(b []byte, n uint64, r *rng) []byte {
	b = append(b, "2001:db8:"...)
	b = appendHex(b, uint64(1+r.intn(0xfffe)))
	b = append(b, ':')
	b = appendHex(b, uint64(1+r.intn(0xfffe)))
	for shift := 48; shift >= 0; shift -= 16 {
		b = append(b, ':')
		b = appendHex(b, n>>shift&0xffff)
	}
	return b
}

// valueIP gives plain addresses, addresses with a port, and IPv6 addresses: the type holds all of them in practice.
func valueIP(b []byte, n uint64, r *rng) []byte {
	switch r.intn(10) {
	case 0:
		b = appendIPv4(b, r)
		b = append(b, ':')
		return strconv.AppendUint(b, uint64(1+r.intn(65535)), 10)
	case 1:
		return appendIPv6(b, n, r)
	case 2:
		b = append(b, '[')
		b = appendIPv6(b, n, r)
		b = append(b, "]:"...)
		return strconv.AppendUint(b, uint64(1+r.intn(65535)), 10)
	}
	return appendIPv4(b, r)
}

func valueIPv6(b []byte, n uint64, r *rng) []byte { return appendIPv6(b, n, r) }

func valueCIDR(b []byte, n uint64, r *rng) []byte {
	if r.oneIn(3) {
		b = append(b, "2001:db8:"...)
		b = appendHex(b, n>>16&0xffff)
		b = append(b, ':')
		b = appendHex(b, n&0xffff)
		return append(b, "::/64"...)
	}
	size := 24 + r.intn(9)
	b = append(b, pick(docNetworks, r)...)
	b = strconv.AppendInt(b, int64(r.intn(256))>>(32-size)<<(32-size), 10)
	b = append(b, '/')
	return strconv.AppendInt(b, int64(size), 10)
}

func valueASN(b []byte, _ uint64, r *rng) []byte {
	n := 64496 + r.intn(16)
	if r.oneIn(2) {
		n = 65536 + r.intn(16)
	}
	if !r.oneIn(3) {
		b = append(b, "AS"...)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

func valueFQDN(b []byte, n uint64, r *rng) []byte {
	if r.oneIn(4) {
		b = append(b, pick(hostWords, r)...)
		b = append(b, '.')
	}
	return appendHost(b, n, r)
}

func valueURL(b []byte, n uint64, r *rng) []byte {
	if r.oneIn(2) {
		b = append(b, "https://"...)
	} else {
		b = append(b, "http://"...)
	}
	switch r.intn(8) {
	case 0:
		b = appendIPv4(b, r)
	case 1:
		b = append(b, '[')
		b = appendIPv6(b, n, r)
		b = append(b, ']')
	default:
		b = appendHost(b, n, r)
	}
	if r.oneIn(4) {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(1024+r.intn(60000)), 10)
	}
	b = valueURLPath(b, n, r)
	if r.oneIn(6) {
		b = append(b, "#section"...)
	}
	return b
}

func valueURLPath(b []byte, n uint64, r *rng) []byte {
	b = append(b, '/')
	b = append(b, pick(hostWords, r)...)
	b = append(b, "/gate-"...)
	b = appendHex(b, n)
	b = append(b, pick(urlExts, r)...)
	if r.oneIn(3) {
		b = append(b, "?id="...)
		b = strconv.AppendInt(b, int64(r.intn(100000)), 10)
		b = append(b, "&q=a%20b"...)
	}
	return b
}

// valueHash returns the valueFunc of a hash of so many hexadecimal digits, now and then in upper case.
func valueHash(digits int) valueFunc {
	return func(b []byte, n uint64, r *rng) []byte {
		table := "0123456789abcdef"
		if r.oneIn(8) {
			table = "0123456789ABCDEF"
		}
		w := mix(n) // a bijection, so the first word alone is unique
		for d := 0; d < digits; d++ {
			if d > 0 && d%16 == 0 {
				w = r.next()
			}
			b = append(b, table[w&15])
			w >>= 4
		}
		return b
	}
}

func valueFuzzyHash(b []byte, n uint64, r *rng) []byte {
	const table = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b = strconv.AppendInt(b, 3<<r.intn(10), 10)
	b = append(b, ':')
	w := mix(n)
	for d := range 40 {
		if d == 10 || d == 20 || d == 30 {
			w = r.next()
		}
		if d == 26 {
			b = append(b, ':')
		}
		b = append(b, table[w&63])
		w >>= 6
	}
	return b
}

func valueFilename(b []byte, n uint64, r *rng) []byte {
	b = append(b, pick(fileWords, r)...)
	b = append(b, '_')
	b = appendHex(b, n)
	return append(b, pick(fileExts, r)...)
}

func valueFilePath(b []byte, n uint64, r *rng) []byte {
	switch r.intn(3) {
	case 0:
		b = append(b, "/tmp/.cache/"...)
	case 1:
		b = append(b, `C:\Users\Public\`...)
	default:
		b = append(b, `%APPDATA%\Sample "Vendor"\`...)
	}
	return valueFilename(b, n, r)
}

func valueEmail(b []byte, n uint64, r *rng) []byte {
	b = append(b, pick(hostWords, r)...)
	b = append(b, '.')
	b = appendHex(b, n)
	b = append(b, '@')
	return append(b, pick(docDomains, r)...)
}

func valueSubject(b []byte, n uint64, r *rng) []byte {
	if r.oneIn(2) {
		b = append(b, "RE: "...)
	}
	b = append(b, `Your "`...)
	b = append(b, pick(fileWords, r)...)
	b = append(b, `" no. `...)
	b = strconv.AppendUint(b, n, 10)
	return append(b, " – act now ✉"...)
}

func valueRegistry(b []byte, n uint64, r *rng) []byte {
	b = append(b, pick(hives, r)...)
	b = append(b, `\Software\Sample Vendor\CurrentVersion\Run\`...)
	return appendHex(b, n)
}

func valueMutex(b []byte, n uint64, r *rng) []byte {
	var raw [8]byte
	w := r.next()
	for i := range raw {
		raw[i] = byte(w >> (8 * i))
	}
	b = append(b, `Global\{`...)
	b = hex.AppendEncode(b, raw[:])
	b = append(b, '-')
	b = appendHex(b, n)
	return append(b, '}')
}

// valueMAC uses addresses that are administered locally, so they are no vendor's.
func valueMAC(b []byte, n uint64, r *rng) []byte {
	sep := byte(':')
	if r.oneIn(3) {
		sep = '-'
	}
	raw := [6]byte{2, byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	for i, c := range raw {
		if i > 0 {
			b = append(b, sep)
		}
		b = append(b, "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
	}
	return b
}

// valueCVE uses a year in which no vulnerability has a number yet.
func valueCVE(b []byte, n uint64, _ *rng) []byte {
	b = append(b, "CVE-2099-"...)
	return strconv.AppendUint(b, 10000+n, 10)
}

func valueUsername(b []byte, n uint64, r *rng) []byte {
	if r.oneIn(3) {
		b = append(b, `EXAMPLE\`...)
	}
	b = append(b, "svc_"...)
	b = append(b, pick(hostWords, r)...)
	return appendHex(b, n)
}

func valuePassword(b []byte, n uint64, _ *rng) []byte {
	b = append(b, `Sample<&>"pass\`...)
	return appendHex(b, n)
}

func valueService(b []byte, n uint64, r *rng) []byte {
	b = append(b, "Sample "...)
	b = append(b, pick(hostWords, r)...)
	b = append(b, " Helper "...)
	return appendHex(b, n)
}

func valueString(b []byte, n uint64, r *rng) []byte {
	b = append(b, "campaign\tmarker "...)
	b = append(b, pick(fileWords, r)...)
	b = append(b, " 標本 "...)
	return appendHex(b, n)
}

func valueBinaryString(b []byte, n uint64, r *rng) []byte {
	b = append(b, "4d 5a 90 00 "...)
	var raw [8]byte
	for i := range raw {
		raw[i] = byte(n >> (56 - 8*i))
	}
	return hex.AppendEncode(b, raw[:])
}

func valueUserAgent(b []byte, n uint64, r *rng) []byte {
	b = append(b, "Mozilla/5.0 (compatible; SampleBot/"...)
	b = strconv.AppendUint(b, n, 10)
	b = append(b, "; +http://"...)
	b = append(b, pick(docDomains, r)...)
	return append(b, "/bot)"...)
}

func valueMailer(b []byte, n uint64, r *rng) []byte {
	b = append(b, "Sample Mailer 6."...)
	return strconv.AppendUint(b, n, 10)
}

func valueSerial(b []byte, n uint64, r *rng) []byte {
	w := mix(n)
	colons := r.oneIn(2)
	for i := range 8 {
		if colons && i > 0 {
			b = append(b, ':')
		}
		c := byte(w >> (8 * i))
		b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
	return b
}

func valueSubjectDN(b []byte, n uint64, r *rng) []byte {
	b = append(b, "CN="...)
	b = appendHost(b, n, r)
	return append(b, ", O=Example Ltd, L=London, C=GB"...)
}
