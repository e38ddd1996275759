// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
)

func TestHide(t *testing.T) {
	const secret = `pass/+word&=1 "ü"`
	encoded, err := json.Marshal(secret)
	require.NoError(t, err)
	var v vault
	assert.Equal(t, "nothing is known yet", v.hide("nothing is known yet"))
	v.learn(secret, "ab", "", config.Redacted, "longer than longer", "longer")
	v.learnPair("me", secret)
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + secret))

	tests := map[string]struct{ text, want string }{
		"none":                   {"a plain text of an ordinary line", "a plain text of an ordinary line"},
		"the text alone":         {secret, config.Redacted},
		"twice":                  {secret + " and " + secret, config.Redacted + " and " + config.Redacted},
		"in an address":          {"http://" + url.UserPassword("me", secret).String() + "@proxy.example.com", "http://me:" + config.Redacted + "@proxy.example.com"},
		"in a query":             {"?x=" + url.QueryEscape(secret) + "&y=1", "?x=" + config.Redacted + "&y=1"},
		"in a path":              {"/" + url.PathEscape(secret) + "/", "/" + config.Redacted + "/"},
		"in JSON":                {`{"a":` + string(encoded) + `}`, `{"a":"` + config.Redacted + `"}`},
		"quoted by Go":           {fmt.Sprintf("is %q:", secret), `is "` + config.Redacted + `":`},
		"in a header":            {"Basic " + basic, "Basic " + config.Redacted},
		"a short one in a word":  {"abacus", "abacus"},
		"a short one, elsewhere": {"http://me:ab@proxy.example.com", "http://me:" + config.Redacted + "@proxy.example.com"},
		"the longer of two":      {"longer than longer, longer", config.Redacted + ", " + config.Redacted},
		"the mark itself":        {config.Redacted, config.Redacted},
		"nothing":                {"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, v.hide(test.text)) })
	}
}

func TestTokensAreForgottenInTime(t *testing.T) {
	var v vault
	v.learn("for ever")
	for i := range maxTokens + 1 {
		v.learnToken(fmt.Sprintf("token-%d-", i))
		v.learnToken("the same")
	}
	assert.Equal(t, config.Redacted, v.hide("for ever"))
	assert.Equal(t, "token-0-", v.hide("token-0-"))
	assert.Equal(t, config.Redacted, v.hide(fmt.Sprintf("token-%d-", maxTokens)))
}

func TestLearningWhileOthersHide(t *testing.T) {
	var v vault
	var group sync.WaitGroup
	for i := range 4 {
		group.Add(2)
		go func() {
			defer group.Done()
			for j := range 50 {
				v.learnToken(fmt.Sprintf("token-%d-%d", i, j))
			}
		}()
		go func() {
			defer group.Done()
			for range 50 {
				assert.NotEmpty(t, v.hide("token-0-0 and others"))
			}
		}()
	}
	group.Wait()
}

// Whatever a secret is, none of the forms in which it is usually written down
// leaves it to be read.
func FuzzHide(f *testing.F) {
	for _, secret := range []string{"password", "a b c d", "%2F/+&=", "\"\\\n\t", "\x00\xff\xfe\xfd", "üöäß", "xxxxxx", ":@:@"} {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		secret = strings.TrimSpace(secret)
		if len(secret) < minLength || strings.Contains(config.Redacted, secret) {
			t.Skip()
		}
		var v vault
		v.learn(secret)
		for _, form := range formsOf(secret) {
			if hidden := v.hide("before " + form + " after"); strings.Contains(hidden, secret) && !strings.Contains("before "+config.Redacted+" after", secret) {
				t.Errorf("%q is not hidden in %q", secret, hidden)
			}
		}
	})
}

func TestWriter(t *testing.T) {
	Learn("known to the writer")
	var out strings.Builder
	n, err := fmt.Fprintf(Writer(&out), "this is known to the writer.\n")
	require.NoError(t, err)
	assert.Equal(t, len("this is known to the writer.\n"), n)
	assert.Equal(t, "this is "+config.Redacted+".\n", out.String())
}
