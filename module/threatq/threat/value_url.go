// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import "strings"

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

// urlParts are the parts of a URL as they stand in it: nothing is decoded, for
// a rule would compare them with what a proxy has seen.
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
