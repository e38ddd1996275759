// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// formsOf returns the ways in which a secret may be written down: as it is, as a
// part of an address, in JSON (also as PHP writes it) and in JSON within JSON, as Go
// quotes it, and encoded as a header is.
func formsOf(secret string) []string {
	secret = strings.TrimSpace(secret)
	if secret == "" || secret == Mark {
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
