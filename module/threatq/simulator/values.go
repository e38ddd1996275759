// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// valueFunc appends the value of an indicator, not yet quoted. Values carry n, the number of the indicator in
// hexadecimal form or otherwise, and so are unique wherever the documentation ranges are large enough.
type valueFunc func(b []byte, n uint64, r *rng) []byte

// text returns the valueFunc of its parts, one after the other: a string is written as it is, of a list of strings one
// is chosen, a valueFunc is called.
func text(parts ...any) valueFunc {
	return func(b []byte, n uint64, r *rng) []byte {
		for _, part := range parts {
			switch p := part.(type) {
			case string:
				b = append(b, p...)
			case []string:
				b = append(b, pick(p, r)...)
			case valueFunc:
				b = p(b, n, r)
			}
		}
		return b
	}
}

// maybe is text for one in so many indicators, and nothing for the others.
func maybe(oneIn int, parts ...any) valueFunc {
	value := text(parts...)
	return func(b []byte, n uint64, r *rng) []byte {
		if r.oneIn(oneIn) {
			return value(b, n, r)
		}
		return b
	}
}

// choice is each of the values for one in so many indicators, and the last one for all the others.
func choice(oneIn int, values ...valueFunc) valueFunc {
	return func(b []byte, n uint64, r *rng) []byte { return values[min(r.intn(oneIn), len(values)-1)](b, n, r) }
}

// number is one of so many numbers, in that base.
func number(base, from, count int) valueFunc {
	return func(b []byte, _ uint64, r *rng) []byte { return strconv.AppendInt(b, int64(from+r.intn(count)), base) }
}

// counted is the number of the indicator itself plus from.
func counted(base int, from uint64) valueFunc {
	return func(b []byte, n uint64, _ *rng) []byte { return strconv.AppendUint(b, from+n, base) }
}

func pick(list []string, r *rng) string { return list[r.intn(len(list))] }

var (
	docNetworks = []string{"192.0.2.", "198.51.100.", "203.0.113."}
	docDomains  = []string{"example.com", "example.org", "example.net"}
	hostWords   = []string{"login", "cdn", "update", "mail", "static", "api", "files", "portal", "sync", "news"}
	fileWords   = []string{"invoice", "payment", "update", "report", "setup", "scan", "Résumé", "order form", "contract"}
	fileExts    = []string{".exe", ".dll", ".pdf.exe", ".docm", ".js", ".zip", ".iso", ".lnk", ".ps1"}
	folders     = []string{"/tmp/.cache/", `C:\Users\Public\`, `%APPDATA%\Sample "Vendor"\`}
	// Few, so that some are more frequent than others, as with an appliance.
	ports   = []string{"443", "8443", "80", "8080", "4444", "22", "53", "3389", "9001"}
	urlExts = []string{".php", ".html", ".exe", ".zip", ".aspx", "", ".js"}
	hives   = []string{`HKEY_LOCAL_MACHINE`, `HKEY_CURRENT_USER`, `HKLM`, `HKCU`, `HKEY_USERS`}

	hexN, decN = counted(16, 0), counted(10, 0)
	host       = text(hostWords, "-", hexN, ".", docDomains)
	ipv4       = text(docNetworks, number(10, 0, 256))
	// ipv6 has n in the last 64 bits of an address in 2001:db8::/32.
	ipv6 = text("2001:db8:", number(16, 1, 0xfffe), ":", number(16, 1, 0xfffe), valueFunc(valueInterface))

	filename = text(fileWords, "_", hexN, fileExts)
	urlPath  = text("/", hostWords, "/gate-", hexN, urlExts, maybe(3, "?id=", number(10, 0, 100000), "&q=a%20b"))
)

// values makes the values of a type, by the name that samples.json has for it.
var values = map[string]valueFunc{
	// Plain addresses, addresses with a port, and IPv6 addresses: the type holds all of them in practice.
	"ip":         choice(10, text(ipv4, ":", ports), ipv6, text("[", ipv6, "]:", ports), ipv4),
	"ipv6":       ipv6,
	"cidr":       valueCIDR,
	"asn":        valueASN,
	"mac":        valueMAC,
	"fqdn":       text(maybe(4, hostWords, "."), host),
	"url":        text([]string{"https://", "http://"}, choice(8, ipv4, text("[", ipv6, "]"), host), maybe(4, ":", ports), urlPath, maybe(6, "#section")),
	"url_path":   urlPath,
	"filename":   filename,
	"file_path":  text(folders, filename),
	"email":      text(hostWords, ".", hexN, "@", docDomains),
	"subject":    text(maybe(2, "RE: "), `Your "`, fileWords, `" no. `, decN, " – act now ✉"),
	"registry":   text(hives, `\Software\Sample Vendor\CurrentVersion\Run\`, hexN),
	"username":   text(maybe(3, `EXAMPLE\`), "svc_", hostWords, hexN),
	"password":   text(`Sample<&>"pass\`, hexN),
	"service":    text("Sample ", hostWords, " Helper ", hexN),
	"string":     text("campaign\tmarker ", fileWords, " 標本 ", hexN),
	"user_agent": text("Mozilla/5.0 (compatible; SampleBot/", decN, "; +http://", docDomains, "/bot)"),
	"mailer":     text("Sample Mailer 6.", decN),
	"subject_dn": text("CN=", host, ", O=Example Ltd, L=London, C=GB"),
	"cve":        text("CVE-2099-", counted(10, 10000)), // a year in which no vulnerability has a number yet
	"mutex":      valueMutex,
	"serial":     valueSerial,
	"binary":     valueBinaryString,
	"fuzzy_hash": valueFuzzyHash,
	"hash32":     valueHash(32),
	"hash40":     valueHash(40),
	"hash64":     valueHash(64),
	"hash96":     valueHash(96),
	"hash128":    valueHash(128),
}

// valueInterface is the last 64 bits of an IPv6 address.
func valueInterface(b []byte, n uint64, _ *rng) []byte {
	return fmt.Appendf(b, ":%x:%x:%x:%x", n>>48, n>>32&0xffff, n>>16&0xffff, n&0xffff)
}

func valueCIDR(b []byte, n uint64, r *rng) []byte {
	if r.oneIn(3) {
		return fmt.Appendf(b, "2001:db8:%x:%x::/64", n>>16&0xffff, n&0xffff)
	}
	size := 24 + r.intn(9)
	return fmt.Appendf(b, "%s%d/%d", pick(docNetworks, r), r.intn(256)>>(32-size)<<(32-size), size)
}

func valueASN(b []byte, _ uint64, r *rng) []byte {
	n := 64496 + r.intn(16)
	if r.oneIn(2) {
		n = 65536 + r.intn(16)
	}
	if r.oneIn(3) {
		return strconv.AppendInt(b, int64(n), 10)
	}
	return fmt.Appendf(b, "AS%d", n)
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

func valueMutex(b []byte, n uint64, r *rng) []byte {
	return fmt.Appendf(b, `Global\{%016x-%x}`, bits.ReverseBytes64(r.next()), n)
}

// valueMAC uses addresses that are administered locally, so they are no vendor's.
func valueMAC(b []byte, n uint64, r *rng) []byte {
	sep := ":"
	if r.oneIn(3) {
		sep = "-"
	}
	pairs := fmt.Sprintf("% X", binary.BigEndian.AppendUint64(nil, 2<<40|n&(1<<40-1))[2:])
	return append(b, strings.ReplaceAll(pairs, " ", sep)...)
}

func valueBinaryString(b []byte, n uint64, _ *rng) []byte {
	return fmt.Appendf(b, "4d 5a 90 00 %016x", n)
}

func valueSerial(b []byte, n uint64, r *rng) []byte {
	sep := ""
	if r.oneIn(2) {
		sep = ":"
	}
	pairs := fmt.Sprintf("% x", binary.LittleEndian.AppendUint64(nil, mix(n)))
	return append(b, strings.ReplaceAll(pairs, " ", sep)...)
}
