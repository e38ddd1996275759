// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/keystore"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// The secrets of the test, with characters that have to be escaped here and
// there.
const (
	keystoreSecret  = "keystore/+secret&=1 ü"
	environSecret   = "environ/+secret&=2 %"
	fileSecret      = "infile/+secret&=3 \"x\""
	proxyPassword   = "proxy/+pass&=4 word"
	outputPassword  = "output/+pass&=5 word"
	outputProxyPass = "outproxy/+pass&=6 word"
	headerSecret    = "header-secret-7"
	envelopeSecret  = "passphrase-secret-8"
)

// forms are the ways in which a text may be written down.
func forms(text string) []string {
	encoded := func(text string) string {
		raw, _ := json.Marshal(text)
		return string(raw[1 : len(raw)-1])
	}
	quoted := strings.Trim(fmt.Sprintf("%q", text), `"`)
	return []string{
		text, url.QueryEscape(text), url.PathEscape(text), url.UserPassword("", text).String()[1:],
		quoted, encoded(quoted), encoded(text), encoded(encoded(text)), encoded(encoded(encoded(text))),
		base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text)),
	}
}

// basic are the ways in which a header of HTTP Basic may be written down. They
// are shortened: the end depends on what follows.
func basic(id, secret string) []string {
	var list []string
	for _, pair := range []string{id + ":" + secret, url.QueryEscape(id) + ":" + url.QueryEscape(secret)} {
		list = append(list, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(pair)), "=")[:len(id)+16])
	}
	return list
}

// echo is an appliance behind a proxy that tells in its answers what it was
// sent, in every place there is. It keeps the tokens that it has seen.
type echo struct {
	sim *simulator.Simulator

	mu     sync.Mutex
	seen   map[string]bool // credentials as they were sent
	tell   int             // a status to echo with, 0 for none
	where  string          // the path to do it for
	served int             // how often it did
}

func (g *echo) echo(status int, where string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell, g.where, g.served = status, where, 0
}

func (g *echo) told() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.served
}

func (g *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	all := []string{r.Header.Get("Authorization"), r.Header.Get("Proxy-Authorization"), string(body)}
	g.mu.Lock()
	for _, text := range all[:2] {
		if _, credentials, ok := strings.Cut(text, " "); ok {
			g.seen[credentials] = true
		}
	}
	tell := g.tell
	if !strings.HasPrefix(r.URL.Path, g.where) {
		tell = 0
	}
	if tell != 0 {
		g.served++
	}
	g.mu.Unlock()
	if tell == 0 {
		g.sim.ServeHTTP(w, r)
		return
	}
	for i, text := range all {
		w.Header().Set(fmt.Sprintf("X-Gossip-%d", i), strings.ReplaceAll(text, "\n", ""))
		w.Header().Add("Set-Cookie", "echo="+url.QueryEscape(text))
	}
	if tell >= 300 && tell < 400 {
		w.Header().Set("Location", "https://echo.example.com/"+url.PathEscape(all[0])+"?x="+url.QueryEscape(all[2]))
	}
	w.WriteHeader(tell)
	fmt.Fprintf(w, `{"error": %q, "data": %q}`, all, all)
}

// Nothing that the process writes, in whatever way, at whatever level, after
// successes and after faults, has a secret in it.
func TestNoSecretIsWritten(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"log files":      {"run"},
		"standard error": {"run", "-e", "-d", "*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testNoSecretIsWritten(t, flags)
		})
	}
}

func testNoSecretIsWritten(t *testing.T, command []string) {
	dir := beattest.NewDir(t)
	secrets := map[string][]string{
		"keystore": forms(keystoreSecret), "environment": forms(environSecret), "file": forms(fileSecret),
		"proxy": forms(proxyPassword), "output": forms(outputPassword), "output's proxy": forms(outputProxyPass),
		"proxy header": forms(headerSecret), "passphrase": forms(envelopeSecret),
		"output, Basic": basic("shipper", outputPassword), "proxy, Basic": basic("me", proxyPassword),
		"output's proxy, Basic": basic("you", outputProxyPass),
	}

	// Three appliances, one for each place that a secret may come from, all
	// behind one proxy that asks for a password.
	given := map[string]string{
		"keystore": "${THE_KEYSTORE_SECRET}", "environment": "${E2E_ENVIRON_SECRET}", "file": fileSecret,
	}
	appliances := map[string]*echo{}
	for name, secret := range map[string]string{"keystore": keystoreSecret, "environment": environSecret, "file": fileSecret} {
		cfg := tidy(300)
		cfg.ClientSecret = secret
		sim, err := simulator.New(cfg)
		require.NoError(t, err)
		appliances[name] = &echo{sim: sim, seen: map[string]bool{}}
		secrets[name+", Basic"] = basic(sim.Config().ClientID, secret)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.URL.Host, ".")
		appliances[host].ServeHTTP(w, r)
	}))
	defer proxy.Close()
	proxyURL := func(user, password string) string {
		return strings.Replace(proxy.URL, "://", "://"+url.UserPassword(user, password).String()+"@", 1)
	}
	input := func(name string) map[string]any {
		cfg := appliances[name].sim.Config()
		return beattest.Input(name, "http://"+name+".example.com", cfg.DataCollectionID, cfg.ClientID, given[name], map[string]any{
			"page_size": 50, "preserve_original_event": true,
			"request": map[string]any{
				"allow_insecure_http": true, "proxy_url": proxyURL("me", proxyPassword), "timeout": "1s",
				"proxy_headers":      map[string]any{"X-Key": headerSecret},
				"retry":              map[string]any{"max_attempts": 2, "wait_min": "10ms", "wait_max": "20ms"},
				"tracer":             map[string]any{"enabled": true},
				"ssl.key_passphrase": envelopeSecret,
			},
		})
	}

	es := startElasticsearch(t)
	secure := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "shipper" || password != outputPassword {
			http.Error(w, r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		es.ServeHTTP(w, r)
	}))
	defer secure.Close()
	es.refuse = func(event beattest.Event) *verdict {
		if id, _ := event.Get("threatq.id").(float64); int64(id)%100 == 0 {
			return mappingConflict
		}
		return nil
	}
	api := freeAddress(t)
	settings := es.output(map[string]any{
		// The second one is down.
		"hosts":    []string{secure.URL, "http://" + freeAddress(t)},
		"username": "shipper", "password": "${E2E_OUTPUT_PASSWORD}",
		"proxy_url": strings.Replace(proxyURL("you", outputProxyPass), proxy.URL[len("http://"):], freeAddress(t), 1), "proxy_disable": true,
		"proxy_headers": map[string]any{"X-Key": headerSecret},
		"headers":       map[string]any{"X-Other-Key": headerSecret},
		"backoff":       map[string]any{"init": "50ms", "max": "100ms"},
		"loadbalance":   true,
	})
	settings["threatqbeat.inputs"] = []any{input("keystore"), input("environment")}
	settings["threatqbeat.config.inputs"] = map[string]any{
		"enabled": true, "path": dir.File("inputs.d", "*.yml"), "reload.enabled": true, "reload.period": "1s",
	}
	settings["http"] = endpointAt(api)
	dir.Configure(settings)
	dir.Write("inputs.d/file.yml", []any{input("file")})
	store(t, dir, "THE_KEYSTORE_SECRET", keystoreSecret)

	dir.Env = []string{"E2E_ENVIRON_SECRET=" + environSecret, "E2E_OUTPUT_PASSWORD=" + outputPassword}
	beat := dir.Start(command...)
	var written strings.Builder
	look := func() {
		for _, path := range []string{"/", "/stats", "/state", "/inputs/", "/inputs/?type=threatq", "/dataset"} {
			resp, err := http.Get("http://" + api + path)
			if err == nil {
				text, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				fmt.Fprintf(&written, "%s\n%s\n", path, text)
			}
		}
	}
	beat.Eventually("the collection of everything", func() bool { return len(es.events()) >= 3*(300-3) })
	look()
	for _, status := range []int{200, 307, 400, 401, 407, 500} {
		for _, where := range []string{simulator.TokenPath, simulator.DataPath} {
			for _, g := range appliances {
				if where == simulator.TokenPath {
					g.sim.RevokeTokens()
				}
				g.echo(status, where)
			}
			beat.Eventually("an answer of each", func() bool {
				for _, g := range appliances {
					if g.told() == 0 {
						return false
					}
				}
				return true
			})
		}
		look()
	}
	for _, g := range appliances {
		g.echo(0, "")
		for _, spec := range []string{"reset*3", "truncated*2", "html*2", "badjson*2", "stalled", "token/html", "token/reset", "token/notoken"} {
			require.NoError(t, g.sim.Inject(spec))
		}
		g.sim.RevokeTokens()
		g.sim.Touch(300)
	}
	// The file is changed as well, and broken once.
	broken := input("file")
	broken["interval"] = "never"
	dir.Write("inputs.d/broken.yml", []any{broken})
	beat.Eventually("the collection of the updates", func() bool { return len(es.events()) >= 2*3*(300-3) })
	time.Sleep(time.Second) // until the files have been looked at
	look()
	beat.Stop()

	written.WriteString(beat.Output())
	for name, g := range appliances {
		for credentials := range g.seen {
			secrets[name+", as sent: "+credentials[:3]+"..."] = []string{credentials}
		}
		assert.Greater(t, len(g.seen), 3, "credentials were sent: the client's, the proxy's and several tokens")
	}
	for _, event := range es.events() {
		fmt.Fprintln(&written, event)
	}
	for _, g := range appliances {
		for _, endpoint := range []simulator.Endpoint{simulator.EndpointData, simulator.EndpointToken} {
			assert.Greater(t, g.sim.Stats().Total(endpoint), 3)
		}
	}
	files := map[string]string{"output": written.String()}
	require.NoError(t, filepath.WalkDir(dir.Path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir.Path, path)
		text, err := os.ReadFile(path)
		if name != "threatqbeat.yml" && !strings.HasPrefix(name, "inputs.d") {
			files[name] = string(text)
		}
		if info, _ := entry.Info(); strings.HasPrefix(name, "logs") || strings.HasPrefix(name, "data") {
			assert.Zero(t, info.Mode().Perm()&0o077, "others may read %s", name)
		}
		return err
	}))
	traces := 0
	for name := range files {
		if strings.Contains(name, "http-request-trace") {
			traces++
		}
	}
	assert.GreaterOrEqual(t, traces, 3, "trace files")
	for kind, list := range secrets {
		found := map[string]string{} // the first place in each file
		for _, secret := range list {
			for name, text := range files {
				if at := strings.Index(text, secret); at >= 0 && found[name] == "" {
					found[name] = text[max(0, at-200):min(len(text), at+100)]
				}
			}
		}
		for name, text := range found {
			assert.Fail(t, "a secret was written", "%s, in %s: ...%s...", kind, name, text)
		}
	}
}

// Libbeat would write the configuration to the log, and mask passwords only.
func TestSelectorsThatLogSecretsAreRefused(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	sim := startAppliance(t, tidy(1))
	for _, selectors := range []string{"config", "config-with-passwords", "*,config", "publish,config-with-passwords"} {
		dir := beattest.NewDir(t)
		dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", map[string]any{"auth.oauth2.client.secret": fileSecret})}})
		for _, command := range []string{"run", "test"} {
			args := []string{command, "-e", "-d", selectors}
			if command == "test" {
				args = append(args, "config")
			}
			output, code := dir.Run(args...)
			assert.Equal(t, 1, code, output)
			assert.Contains(t, output, "leave it out")
			for _, secret := range forms(fileSecret) {
				assert.NotContains(t, output, secret)
			}
		}
	}
}

// store puts a secret into the keystore.
func store(t *testing.T, dir *beattest.Dir, key, secret string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir.File("data"), 0o755))
	file, err := keystore.NewFileKeystore(dir.File("data", "threatqbeat.keystore"))
	require.NoError(t, err)
	writable, err := keystore.AsWritableKeystore(file)
	require.NoError(t, err)
	require.NoError(t, writable.Store(key, []byte(secret)))
	require.NoError(t, writable.Save())
}
