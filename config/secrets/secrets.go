// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/threatqbeat/threatqbeat/config"
)

// minLength is the number of bytes from which on a secret is replaced wherever it
// stands. A shorter one is a part of too many words, and is replaced only where it
// is the password of an address.
const minLength = 4

// minConcealed is the number of bytes from which on a secret is looked for in what an
// appliance sends. A shorter one may be a word that indicators have in them.
const minConcealed = 12

// maxTokens is how many tokens are known at a time. The oldest is forgotten first:
// it has expired long before.
const maxTokens = 64

// vault holds the secrets of a process.
type vault struct {
	mu       sync.Mutex
	forms    map[string]bool // of the configuration's secrets
	tokens   []string        // the newest at the end
	replacer atomic.Pointer[strings.Replacer]
	// long replaces those of at least minConcealed bytes by as many others.
	long atomic.Pointer[strings.Replacer]
}

var process vault

// Learn makes texts known as secrets, for as long as the process runs.
func Learn(texts ...string) { process.learn(texts...) }

// LearnPair makes the password of a user known as a secret, also where both stand
// together as in a header of HTTP Basic.
func LearnPair(user, password string) { process.learnPair(user, password) }

// LearnToken makes a token known as a secret that is replaced by others in time.
func LearnToken(token string) { process.learnToken(token) }

// Hide returns the text with each known secret in it replaced by config.Redacted.
func Hide(text string) string { return process.hide(text) }

// Conceal returns the text, of the same length, with each longer secret in it made
// unreadable.
func Conceal(text string) string { return replace(process.long.Load(), text) }

func (v *vault) learn(texts ...string) {
	var forms []string
	for _, text := range texts {
		forms = append(forms, formsOf(text)...)
	}
	v.add(forms)
}

func (v *vault) learnPair(user, password string) {
	forms := formsOf(password)
	if password != "" {
		pair := []byte(user + ":" + password)
		forms = append(forms, base64.StdEncoding.EncodeToString(pair), base64.URLEncoding.EncodeToString(pair))
	}
	v.add(forms)
}

func (v *vault) add(forms []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	isNew := false
	for _, form := range forms {
		if !v.forms[form] {
			if v.forms == nil {
				v.forms = map[string]bool{}
			}
			v.forms[form], isNew = true, true
		}
	}
	if isNew {
		v.renew()
	}
}

func (v *vault) learnToken(token string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(token) < minLength || slices.Contains(v.tokens, token) {
		return
	}
	v.tokens = append(v.tokens, token)
	if len(v.tokens) > maxTokens {
		v.tokens = slices.Delete(v.tokens, 0, 1)
	}
	v.renew()
}

// renew makes the replacer of what is known now.
func (v *vault) renew() {
	all := maps.Clone(v.forms)
	if all == nil {
		all = map[string]bool{}
	}
	for _, token := range v.tokens {
		for _, form := range formsOf(token) {
			all[form] = true
		}
	}
	// Of two that begin at the same place the longer one is replaced.
	longestFirst := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }
	var pairs, long []string
	for _, form := range slices.SortedFunc(maps.Keys(all), longestFirst) {
		instead := config.Redacted
		if strings.HasPrefix(form, ":") && strings.HasSuffix(form, "@") {
			instead = ":" + config.Redacted + "@"
		}
		pairs = append(pairs, form, instead)
		if len(form) >= minConcealed {
			long = append(long, form, strings.Repeat("x", len(form)))
		}
	}
	v.replacer.Store(strings.NewReplacer(pairs...))
	v.long.Store(strings.NewReplacer(long...))
}

// formsOf returns the ways in which a secret may be written down: as it is, as a
// part of an address, in JSON (also as PHP writes it) and in JSON within JSON, as Go
// quotes it, and encoded as a header is.
func formsOf(secret string) []string {
	secret = strings.TrimSpace(secret)
	if secret == "" || secret == config.Redacted {
		return nil
	}
	password := strings.TrimPrefix(url.UserPassword("", secret).String(), ":")
	if len(secret) < minLength {
		return []string{":" + secret + "@", ":" + password + "@"}
	}
	quoted := inQuotes(strconv.Quote(secret))
	encoded := encodeJSON(secret, false)
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), password,
		quoted, encodeJSON(quoted, false),
		encoded, encodeJSON(encoded, false), encodeJSON(encodeJSON(encoded, false), false), encodeJSON(secret, true),
		strings.ReplaceAll(secret, "/", `\/`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

func encodeJSON(text string, escapeHTML bool) string {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(text) // of a text into memory: it can't fail
	return inQuotes(strings.TrimSuffix(buf.String(), "\n"))
}

func inQuotes(quoted string) string { return quoted[1 : len(quoted)-1] }

func (v *vault) hide(text string) string { return replace(v.replacer.Load(), text) }

func replace(replacer *strings.Replacer, text string) string {
	if replacer == nil || !holds(replacer, text) {
		return text
	}
	return replacer.Replace(text)
}

// holds reports whether there is something to replace, without a copy of the text.
func holds(replacer *strings.Replacer, text string) bool {
	f := finders.Get().(*finder)
	defer finders.Put(f)
	f.text, f.found = text, false
	_, _ = replacer.WriteString(f, text)
	f.text = ""
	return f.found
}

// finder is written the text in one piece when nothing in it is replaced.
type finder struct {
	text  string
	found bool
}

var finders = sync.Pool{New: func() any { return new(finder) }}

func (f *finder) WriteString(piece string) (int, error) {
	f.found = f.found || piece != f.text
	return len(piece), nil
}

func (f *finder) Write(piece []byte) (int, error) { return f.WriteString(string(piece)) }

// Writer returns a writer that hides the known secrets in each text that it is
// given. A secret must not be divided between two of them.
func Writer(out io.Writer) io.Writer { return writer{out} }

type writer struct{ out io.Writer }

func (w writer) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.out, Hide(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
