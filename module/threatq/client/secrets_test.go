// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/config"
)

// leak answers with everything that it was sent, in every place there is.
func leak(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all := []string{r.Header.Get("Authorization"), r.PostForm.Encode(), r.PostForm.Get("client_secret")}
		for i, text := range all {
			w.Header().Set(fmt.Sprintf("X-Leak-%d", i), text)
			w.Header().Add("Set-Cookie", "leak="+url.QueryEscape(text))
		}
		if code >= 300 && code < 400 {
			w.Header().Set("Location", "https://leak.example.com/"+url.PathEscape(all[0])+"?x="+url.QueryEscape(all[2]))
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"error": %q, "data": %q`, all, all)
	}
}

// A broken answer with the request in it, as the text of an error of net/http.
func leakRaw(w http.ResponseWriter, r *http.Request) {
	hijack(func(c net.Conn) {
		fmt.Fprintf(c, "NONSENSE %s %s\r\n\r\n", r.Header.Get("Authorization"), r.PostForm.Get("client_secret"))
	})(w, r)
}

// Nothing that the client writes holds a secret, at debug level, with the
// tracer on, after successes and faults.
func TestNoSecretGetsOut(t *testing.T) {
	const (
		secret   = "hunter22/+secret&"
		password = "proxy=pass word"
		key      = "header-key-12345"
		token    = "eyJhbGciOi.token"
	)
	dir := t.TempDir()
	var out strings.Builder

	issue := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"access_token": %q, "refresh_token": "refresh-%s"}`, token, token)
	}
	faults := map[string]http.HandlerFunc{
		"fine": says(onePage), "raw": leakRaw, "reset": hijack(reset), "truncated": truncated(`{"data": [`), "html": says("<html>" + token),
	}
	for _, code := range []int{200, 201, 301, 302, 307, 308, 400, 401, 403, 404, 407, 422, 429, 500, 503} {
		faults[fmt.Sprint(code)] = leak(code)
	}
	for _, proxied := range []bool{false, true} {
		for name, fault := range faults {
			for _, atToken := range []bool{false, true} {
				a := newAppliance(t, fault)
				a.token = issue
				if atToken {
					a.token = fault
				}
				cfg := a.config()
				cfg.Auth.OAuth2.Client.Secret = config.NewSecret(secret)
				cfg.Request.Retry.MaxAttempts = 2
				cfg.Request.Tracer = config.RequestTracer{Enabled: true, Filename: "trace.ndjson", Maxsize: 10, Maxbackups: 1}
				if proxied {
					p := newProxy(t, a.Listener.Addr().String(), "")
					cfg.URL = "http://threatq.example.com"
					cfg.Request.AllowInsecureHTTP = true
					cfg.Request.ProxyURL = config.NewProxyURL("http://me:" + url.QueryEscape(password) + "@" + p.Listener.Addr().String())
					cfg.Request.ProxyHeaders = map[string]config.Secret{"X-Key": config.NewSecret(key)}
				}
				c, logs, reg := newClientWith(t, cfg, Options{LogsDir: dir})
				for _, mark := range []string{"*", "abc"} {
					page, err := c.Page(background, mark)
					page.Release()
					fmt.Fprintf(&out, "%s %v %v\n%v\n%+v\n%#v\n", name, atToken, proxied, err, err, err)
				}
				fmt.Fprintf(&out, "%v %+v\n", c.Endpoints(), cfg)
				out.WriteString(logText(logs))
				fmt.Fprintf(&out, "%v\n", monitoring.CollectFlatSnapshot(reg, monitoring.Full, false))
				c.Close()
			}
		}
	}
	_, files := traceLines(t, dir)
	require.NotEmpty(t, files)
	for _, path := range files {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		out.Write(raw)
	}
	require.Greater(t, out.Len(), 10_000)

	forms := map[string]string{"token": token}
	for name, text := range map[string]string{"secret": secret, "password": password, "key": key} {
		forms[name] = text
		forms[name+", escaped"] = url.QueryEscape(text)
		forms[name+", as a path"] = url.PathEscape(text)
		forms[name+", in JSON"] = strings.Trim(fmt.Sprintf("%q", text), `"`)
	}
	forms["Basic"] = base64.StdEncoding.EncodeToString([]byte(testID + ":" + secret))[:20]
	forms["Basic, escaped"] = base64.StdEncoding.EncodeToString([]byte(testID + ":" + url.QueryEscape(secret)))[:20]
	forms["Basic of the proxy"] = base64.StdEncoding.EncodeToString([]byte("me:" + password))[:12]
	for name, text := range forms {
		for _, line := range strings.Split(out.String(), "\n") {
			if strings.Contains(line, text) {
				assert.Fail(t, "a secret got out: "+name, "%.600s", line)
				break
			}
		}
	}
}

// A page that repeats what was sent has the secrets made unreadable, and is
// otherwise as it was. A secret that is a word could be an indicator's.
func TestPageRepeatsSecrets(t *testing.T) {
	for name, test := range map[string]struct{ secret, says, want string }{
		"token":          {testSecret, `["Bearer token-1-is-long"]`, `"Bearer xxxxxxxxxxxxxxx"`},
		"as PHP writes":  {"a secret/of the client", `["a secret\/of the client"]`, `"xxxxxxxxxxxxxxxxxxxxxxx"`},
		"several times":  {"the-client-secret", `["the-client-secret the-client-secretthe-client-secret"]`, `"xxxxxxxxxxxxxxxxx xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`},
		"a short secret": {"domain", `["domain"]`, `"domain"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, says(`{"data": `+test.says+`}`))
			a.token = says(`{"access_token": "token-1-is-long"}`)
			cfg := a.config()
			cfg.Auth.OAuth2.Client.Secret = config.NewSecret(test.secret)
			c, _, _ := newClient(t, cfg)
			page, err := c.Page(background, "*")
			require.NoError(t, err)
			assert.Equal(t, []string{test.want}, texts(page))
			page.Release()
		})
	}
}
