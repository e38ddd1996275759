// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

const (
	// maxDomainBytes is how long a domain name may be, its dots included.
	maxDomainBytes = 253
	// maxLabelBytes is how long the part between two dots may be.
	maxLabelBytes = 63
)

// idnaProfile converts international domain names the way that browsers do, but
// lets underscores and the like pass, which names of services have.
var idnaProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// parseDomain returns a domain name as the DNS knows it, and so as the events
// of a network name it: in lower case, without the root's dot, international
// names in their ASCII form. unicode is the international form of such a name,
// empty for others.
func parseDomain(name string) (domain, unicode string, ok bool) {
	name = strings.TrimSuffix(name, ".")
	// An international name may be longer than its ASCII form, but not much.
	if len(name) > 4*maxDomainBytes {
		return "", "", false
	}
	if isASCII(name) {
		domain = strings.ToLower(name)
	} else {
		var err error
		if domain, err = idnaProfile.ToASCII(name); err != nil {
			return "", "", false
		}
		// A name may be international in its spelling only, as one in full-width
		// letters or with an ideographic full stop.
		if unicode, _ = idnaProfile.ToUnicode(domain); unicode == domain {
			unicode = ""
		}
	}
	if !isDomain(domain) {
		return "", "", false
	}
	return domain, unicode, true
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// isDomain says whether name consists of labels that are neither empty nor too
// long. It knows that the DNS is more liberal than the host names that it was
// made for: underscores and wildcards are fine. What makes something no name is
// a character that has a meaning in URLs, and what can't be seen.
func isDomain(name string) bool {
	if name == "" || len(name) > maxDomainBytes {
		return false
	}
	label := 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case c <= ' ', c >= 0x7f, strings.IndexByte("/\\?#@:[]%<>\"|^{}`'(),;=&", c) >= 0:
			return false
		}
		if label++; label > maxLabelBytes {
			return false
		}
	}
	return label > 0
}

// registeredDomain returns the registered domain and the public suffix of a
// domain, both empty where the domain is a public suffix itself, as in Beats'
// registered_domain processor.
func registeredDomain(domain string) (registered, suffix string) {
	suffix, _ = publicsuffix.PublicSuffix(domain)
	before := len(domain) - len(suffix) - 1
	if before <= 0 || domain[before] != '.' {
		return "", ""
	}
	return domain[strings.LastIndexByte(domain[:before], '.')+1:], suffix
}

// refang undoes what analysts do to addresses so that nobody follows them:
// hxxp://example[.]com is http://example.com. Only the fields that a detection
// rule compares with are taken from the result.
func refang(value string) string {
	if len(value) >= 4 && (value[0] == 'h' || value[0] == 'H') && strings.EqualFold(value[:4], "hxxp") {
		value = "http" + value[4:]
	}
	if strings.IndexByte(value, '[') < 0 && strings.IndexByte(value, '(') < 0 {
		return value
	}
	return fangs.Replace(value)
}

var fangs = strings.NewReplacer("[.]", ".", "(.)", ".", "[dot]", ".", "[:]", ":", "[://]", "://", "[/]", "/")

// urlParts are the parts of a URL as they stand in it: nothing is decoded,
// because a rule would compare them with what a proxy has seen.
type urlParts struct {
	full, scheme, host, port, path, query, fragment string
}

// splitURL takes a URL apart after RFC 3986, appendix B, and never fails:
// indicators are full of URLs that a strict parser refuses, with broken escapes,
// spaces, or without a scheme. The scheme is in lower case; a host keeps its
// brackets.
func splitURL(value string) urlParts {
	parts := urlParts{full: value}
	rest := value
	rest, parts.fragment, _ = strings.Cut(rest, "#")
	rest, parts.query, _ = strings.Cut(rest, "?")

	scheme, after := splitScheme(rest)
	authority := true
	switch {
	case scheme != "":
		parts.scheme = strings.ToLower(scheme)
		if rest, authority = strings.CutPrefix(after, "//"); !authority {
			parts.path = after
			return parts
		}
	case strings.HasPrefix(rest, "//"):
		rest = rest[2:]
	case strings.HasPrefix(rest, "/"):
		parts.path = rest
		return parts
	}

	host := rest
	if i := strings.IndexAny(rest, `/\`); i >= 0 {
		host, parts.path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:] // credentials are no part of an indicator
	}
	// Behind the last colon is the port, unless that colon is part of an IPv6
	// address.
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		if strings.IndexByte(host, ':') == i || strings.HasPrefix(host, "[") {
			host, parts.port = host[:i], host[i+1:]
		}
	}
	parts.host = host
	return parts
}

// splitScheme cuts the scheme and its colon off. What stands before a colon is
// no scheme when it has a dot or a port after it: example.com:8080 is a host.
func splitScheme(value string) (scheme, rest string) {
	i := strings.IndexByte(value, ':')
	if i <= 0 {
		return "", value
	}
	scheme, rest = value[:i], value[i+1:]
	for j := 0; j < len(scheme); j++ {
		c := scheme[j] | 0x20
		switch {
		case 'a' <= c && c <= 'z':
		case j > 0 && (isDigit(scheme[j]) || scheme[j] == '+' || scheme[j] == '-' || scheme[j] == '.'):
		default:
			return "", value
		}
	}
	if strings.HasPrefix(rest, "//") {
		return scheme, rest
	}
	if strings.IndexByte(scheme, '.') >= 0 || rest == "" || isDigit(rest[0]) {
		return "", value
	}
	return scheme, rest
}

// pathExtension returns the extension of the last part of a path, without its
// dot.
func pathExtension(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i+1:]
	}
	return ""
}
