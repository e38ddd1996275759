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
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
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
