// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/keystore"

	"github.com/threatqbeat/threatqbeat/config"
)

var (
	// secretName matches the last part of the names of settings that hold secrets,
	// wherever they stand: in a processor of somebody else's, for example.
	secretName = regexp.MustCompile(`(?i)(^|[_-])(password|passphrase|passwd|pwd|secret|token|api_?key|authorization|cookie|credentials?|secret_?access_?key|private_?key)$|^x-.*(key|token)$`)

	// headers matches the settings whose members are headers. What a header says
	// is for the server alone.
	headers = regexp.MustCompile(`(^|[._])headers\.`)
)

// LearnConfig makes the secrets of a configuration known: the values of settings
// whose names say so, of headers, and of the users and passwords in addresses. A
// value that refers to a variable that is missing is passed over.
func LearnConfig(cfg *conf.C) {
	if cfg == nil {
		return
	}
	keys := cfg.FlattenedKeys()
	values := make(map[string]string, len(keys))
	for _, key := range keys {
		if value, err := cfg.String(key, -1); err == nil && value != "" {
			values[key] = value
		}
	}
	learnSettings(values)
}

// LearnKeystore makes everything in a keystore known as a secret.
func LearnKeystore(store keystore.Keystore) {
	listing, err := keystore.AsListingKeystore(store)
	if err != nil {
		return
	}
	names, err := listing.List()
	if err != nil {
		return // whoever needs a value of it says so
	}
	for _, name := range names {
		value, err := store.Retrieve(name)
		if err != nil {
			continue
		}
		if text, err := value.Get(); err == nil {
			Learn(string(text))
		}
	}
}

// LearnSettings is LearnConfig for settings without variables.
func LearnSettings(settings map[string]any) {
	values := map[string]string{}
	visit("", settings, func(name string, value any) any {
		if value != nil {
			values[name] = fmt.Sprint(value)
		}
		return value
	})
	learnSettings(values)
}

// HideConfig returns settings with the secrets among them replaced by config.Redacted.
func HideConfig(settings map[string]any) any {
	LearnSettings(settings)
	return visit("", settings, func(name string, value any) any {
		text, isText := value.(string)
		switch {
		case isVariable(text):
			return value
		case isSecret(name) && value != nil && value != "":
			return config.Redacted
		case isText:
			return Hide(text)
		}
		return value
	})
}

// visit returns a copy of settings in which each value that has none below it is
// what f makes of it. Names are those of the configuration, with places in lists.
func visit(name string, value any, f func(name string, value any) any) any {
	below := func(part string) string { return strings.TrimPrefix(name+"."+part, ".") }
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, v := range value {
			copied[key] = visit(below(key), v, f)
		}
		return copied
	case []any:
		copied := make([]any, 0, len(value))
		for i, v := range value {
			copied = append(copied, visit(below(strconv.Itoa(i)), v, f))
		}
		return copied
	}
	return f(name, value)
}

// isVariable reports whether a value stands for one that is kept elsewhere.
func isVariable(value string) bool {
	return strings.HasPrefix(value, "${") && strings.HasSuffix(value, "}")
}

// learnSettings takes the values of settings by their full names.
func learnSettings(values map[string]string) {
	for name, value := range values {
		if isVariable(value) {
			continue // not replaced: the configuration is only shown
		}
		learnAddress(name, value)
		parent, last := split(name)
		switch {
		case isSecret(name):
			learnCredentials(value)
			learnPartner(values, parent, value)
		case last == "key" && strings.Contains(value, "PRIVATE KEY-----"):
			Learn(value)
		}
	}
}

// defined are the settings whose definitions say that they are secrets: those of
// the whole file by their full names, those of an input by their names in it.
var defined = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, scope := range []*config.Scope{config.LibbeatSettings(), config.BeatSettings(), config.InputSettings()} {
		for _, option := range scope.All() {
			if option.Secret() {
				names[option.Name] = true
			}
		}
	}
	return names
})

var inputs = regexp.MustCompile(`^threatqbeat\.inputs\.\d+\.`)

// isSecret reports whether the value of a setting is a secret, by its full name or by
// its name in an input.
func isSecret(name string) bool {
	parent, last := split(name)
	if last == "key" && strings.HasSuffix(parent, "ssl") || strings.HasSuffix(last, "url") {
		return false // a file or an address: learnSettings looks for keys and passwords in them
	}
	if defined()[inputs.ReplaceAllString(name, "")] {
		return true
	}
	if headers.MatchString(name) {
		return last != "key" || !strings.HasSuffix(parent, "headers") // kafka's are lists of keys and values
	}
	if last == "auth" {
		return true
	}
	return slices.ContainsFunc(strings.Split(name, "."), secretName.MatchString) // or anything below such a name
}

// split returns the name of a setting's parent and its own, without the places in
// lists.
func split(name string) (parent, last string) {
	name = places.ReplaceAllString(name, "")
	at := strings.LastIndex(name, ".")
	return places.ReplaceAllString(name[:max(at, 0)], ""), name[at+1:]
}

// places are those in lists, at the end of a name.
var places = regexp.MustCompile(`(\.[0-9]+)+$`)

// learnPartner makes a password known as it stands behind its user's name.
func learnPartner(values map[string]string, parent, password string) {
	for _, user := range []string{"username", "user", "id"} {
		if name, ok := values[strings.TrimPrefix(parent+"."+user, ".")]; ok {
			LearnPair(name, password)
		}
	}
}

// learnCredentials makes a value known, and what it consists of: an API key or the
// authorisation of a cloud has two parts, a header a scheme and the credentials.
func learnCredentials(value string) {
	Learn(value)
	if _, rest, ok := strings.Cut(value, " "); ok && len(rest) >= minLength {
		Learn(rest)
		if decoded, err := base64.StdEncoding.DecodeString(rest); err == nil {
			value = string(decoded)
		}
	}
	if user, password, ok := strings.Cut(value, ":"); ok && len(password) >= minLength {
		LearnPair(user, password)
	}
}

// addressName matches the last part of the names of settings that hold addresses,
// with a scheme or without.
var addressName = regexp.MustCompile(`(^|_)(url|urls|host|hosts)$`)

// learnAddress makes the user and password of an address known, and what in its
// query has a secret's name. An address that can't be parsed has them as well.
func learnAddress(name, value string) {
	scheme, rest, ok := strings.Cut(value, "://")
	switch _, last := split(name); {
	case ok && !strings.ContainsAny(scheme, " \n"):
	case addressName.MatchString(last):
		rest = value
	default:
		return
	}
	if address, err := url.Parse(value); err == nil {
		for name, list := range address.Query() {
			if secretName.MatchString(name) {
				Learn(list...)
			}
		}
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 && strings.Contains(rest[:end], "@") {
		rest = rest[:end]
	}
	at := strings.LastIndex(rest, "@")
	if at < 0 {
		return
	}
	user, password, ok := strings.Cut(rest[:at], ":")
	if !ok { // a token
		Learn(user, unescape(user))
		return
	}
	LearnPair(user, password)
	LearnPair(unescape(user), unescape(password))
}

func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
