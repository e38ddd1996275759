// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"net/netip"
	"strconv"
	"strings"
)

func (o *observable) setIPType(addr netip.Addr) {
	if addr.Is4() {
		o.ecs = ecsIPv4
	} else {
		o.ecs = ecsIPv6
	}
}

// putIP sets ip, and port where the value carries one. The type is that of the
// address, whatever ThreatQ calls it.
func (o *observable) putIP() {
	addr, port, ok := parseIP(o.value)
	if !ok {
		o.leftOut("ip", "is not an IP address")
		return
	}
	o.setIPType(addr)
	text := addr.String()
	o.put("ip", text)
	o.relate("ip", text)
	if port == "" {
		return
	}
	if n, ok := parsePort(port); ok {
		o.put("port", n)
	} else {
		o.leftOut("port", "has no port from 0 to 65535")
	}
}

// maxIPBytes is more than an IPv6 address with a zone and a port has, even one
// that was made harmless.
const maxIPBytes = 128

// parseIP reads an IP address with or without a port after it: 192.0.2.1,
// 192.0.2.1:443, 2001:db8::1, [2001:db8::1], [2001:db8::1]:443. An IPv4
// address mapped to IPv6 (::ffff:192.0.2.1) is IPv4, as Elasticsearch takes it.
// A zone is dropped, because no field could hold it.
func parseIP(value string) (addr netip.Addr, port string, ok bool) {
	if len(value) > maxIPBytes {
		return netip.Addr{}, "", false
	}
	value = refang(value)
	if rest, found := strings.CutPrefix(value, "["); found {
		host, after, closed := strings.Cut(rest, "]")
		if !closed {
			return netip.Addr{}, "", false
		}
		if after != "" {
			if port, found = strings.CutPrefix(after, ":"); !found || port == "" {
				return netip.Addr{}, "", false
			}
		}
		value = host
	} else if host, after, found := strings.Cut(value, ":"); found && !strings.Contains(after, ":") {
		if after == "" {
			return netip.Addr{}, "", false
		}
		value, port = host, after
	}
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return netip.Addr{}, "", false
	}
	return addr.WithZone("").Unmap(), port, true
}

func parsePort(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil
}

// putNetwork only finds out whether the network is of IPv4 or IPv6: there is no
// field for one.
func (o *observable) putNetwork() {
	value := refang(o.value)
	if prefix, err := netip.ParsePrefix(value); err == nil {
		o.setIPType(prefix.Addr())
	} else if strings.Contains(value, ":") {
		o.ecs = ecsIPv6
	}
}

// putDomain sets the fields of a domain name.
func (o *observable) putDomain() {
	start := o.begin()
	if o.putHost(refang(o.value)) {
		o.put("url", o.end(start))
	} else {
		o.leftOut("url.domain", "is not a domain name")
	}
}

// putHost puts the domain fields of a host, which is a domain name or
// an IP address, and relates the event to it. It returns false for one that is
// neither.
func (o *observable) putHost(host string) bool {
	if addr, port, ok := parseIP(host); ok && port == "" {
		text := addr.String()
		o.relate("ip", text)
		if addr.Is6() {
			text = "[" + text + "]"
		}
		o.put("domain", text)
		return true
	}
	domain, unicode, ok := parseDomain(host)
	if !ok {
		return false
	}
	o.put("domain", domain)
	if registered, suffix := registeredDomain(domain); registered != "" {
		o.put("registered_domain", registered)
		o.put("top_level_domain", suffix)
	}
	if unicode != "" {
		o.relate("hosts", domain, unicode)
	} else {
		o.relate("hosts", domain)
	}
	return true
}

// putURL sets the parts of a URL. What can't be told apart is left out; the
// value itself is always there.
func (o *observable) putURL() {
	parts := splitURL(refang(o.value))
	start := o.begin()
	o.put("original", o.name)
	put := func(field, part string) {
		if part != "" {
			o.put(field, part)
		}
	}
	put("scheme", parts.scheme)
	put("path", parts.path)
	put("query", parts.query)
	put("fragment", parts.fragment)
	put("extension", pathExtension(parts.path))
	hasHost := parts.host != "" && o.putHost(parts.host)
	if parts.host != "" && !hasHost {
		o.leftOut("url.domain", "has no host that is a domain name or an IP address")
	}
	if hasHost || parts.scheme != "" {
		o.put("full", parts.full)
	}
	if parts.port != "" {
		if n, ok := parsePort(parts.port); ok {
			o.put("port", n)
		} else {
			o.leftOut("url.port", "has no port from 0 to 65535")
		}
	}
	o.put("url", o.end(start))
}

// putASN sets the number of an autonomous system, written as AS64496 or 64496,
// with or without the system's name after it.
func (o *observable) putASN() {
	number := o.value
	for _, prefix := range [...]string{"ASN", "AS"} {
		if len(number) > len(prefix) && strings.EqualFold(number[:len(prefix)], prefix) {
			number = strings.TrimLeft(number[len(prefix):], " ")
			break
		}
	}
	number, _, _ = strings.Cut(number, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		o.leftOut("as.number", "is not an AS number from 0 to 4294967295")
		return
	}
	o.put("as", o.nest("number", int64(n)))
}
