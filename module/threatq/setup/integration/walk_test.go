// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/dev-tools/packaging"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// The pages that lead a new user to an alert.
const start, keysPage, threatqPage = "getting-started.md", "keys.md", "threatq.md"

const matchRule = "threatqbeat-active-indicator-match"

// onTheAppliance are the commands of the pages that ThreatQ itself has. The command
// simulate stands in for them.
var onTheAppliance = []string{"kubectl exec", "cd /var/www/api"}

// walk follows pages in a clean Debian.
type walk struct {
	*cluster
	chroot *packaging.Chroot
	dir    string            // where commands are called
	words  map[string]string // of the pages' examples, and what takes their place
	used   map[string]bool   // of words
	values map[string]string // of the variables that commands name, and of the keystore
	left   map[string][]block
	done   []string // lines
	began  time.Time
}

// Who follows getting started, with the deb in a clean Debian, comes to an alert by the
// commands and requests that are on the page and on those it leads to, and by no others.
func TestGettingStarted(t *testing.T) {
	packages := os.Getenv("THREATQBEAT_PACKAGES")
	if packages == "" {
		t.Skip("THREATQBEAT_PACKAGES names no packages: mage docsTest builds them and runs this test")
	}
	url := kibana(t)
	w := &walk{
		cluster: connect(t), dir: "/root",
		words: map[string]string{"https://kibana.example.com:5601": url, "https://elasticsearch.example.com:9200": "", "-0.1.0-": "-" + config.Version + "-"},
		used:  map[string]bool{}, values: map[string]string{}, left: map[string][]block{},
	}
	w.words["https://elasticsearch.example.com:9200"] = w.url
	for _, page := range []string{start, keysPage, threatqPage} {
		w.left[page] = slices.DeleteFunc(blocks(t, page), func(b block) bool { return b.language == "json" })
	}
	w.reset()
	w.forget(url)
	t.Cleanup(func() { w.forget(url) })
	var err error
	w.chroot, err = packaging.NewChroot(context.Background(), t.Output(), "ca-certificates", "curl", "sudo")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.chroot.Close()) })
	files, err := filepath.Glob(filepath.Join(packages, config.Name+"-*"))
	require.NoError(t, err)
	for _, file := range files {
		require.NoError(t, w.chroot.Copy(file, filepath.Join(w.dir, filepath.Base(file))))
	}

	w.began = time.Now()
	for _, step := range []struct {
		page, begins string
		do           func(text string)
	}{
		{start, "sha512sum", w.run},
		{start, "tar ", w.run},
		{start, "sudo dpkg", w.run},
		{start, "threatqbeat demo", w.run},
		{start, "threatqbeat simulate", w.simulate},
		{threatqPage, "curl -s -u", w.token},
		{threatqPage, "curl -s -H", w.run},
		{keysPage, "POST", w.key("SETUP_API_KEY", "")},
		{keysPage, "POST", w.key("ELASTICSEARCH_API_KEY", "")},
		{start, "threatqbeat keystore create", w.keystore},
		{start, "threatqbeat.inputs:", w.configure},
		{start, "threatqbeat test config", w.run},
		{start, "threatqbeat setup", w.run},
		{start, "threatqbeat test output", w.run},
		{start, "threatqbeat run", w.background},
		{start, "GET", w.until("the alias holds indicators", func(answer object) bool { n, _ := answer["count"].(float64); return n > 0 })},
		{keysPage, "POST", w.key("READ", "encoded")},
		{keysPage, "POST", w.key("KIBANA_API_KEY", "encoded")},
		{keysPage, "curl", w.run},
		{start, "curl -s --fail-with-body -X POST", w.importRule},
		{start, "POST", w.console},
		{start, "curl -s --fail-with-body -X PATCH", w.run},
		{start, "GET", w.until("the rule has fired", func(answer object) bool {
			w.executions(url, matchRule)
			hits, _ := get(answer, "hits", "hits").([]any)
			for _, hit := range hits {
				require.Equal(t, "active", get(hit, "_source", "message"))
			}
			return len(hits) == 1
		})},
	} {
		step.do(w.next(step.page, step.begins))
		t.Logf("%6.1f s  %s: %s", time.Since(w.began).Seconds(), step.page, step.begins)
	}
	took := time.Since(w.began)
	w.console(w.next(start, "DELETE"))
	w.console(w.next(keysPage, "DELETE"))
	w.nothingLeft()
	t.Logf("from the download to an alert in %.0f s", took.Seconds())
}

// next returns the first block of a page that begins so and is still to be followed.
func (w *walk) next(page, begins string) string {
	w.t.Helper()
	n := slices.IndexFunc(w.left[page], func(b block) bool { return strings.HasPrefix(b.text, begins) })
	require.GreaterOrEqual(w.t, n, 0, "%s has no more block that begins with %s", page, begins)
	text := w.left[page][n].text
	w.left[page] = slices.Delete(w.left[page], n, n+1)
	w.done = append(w.done, strings.Split(text, "\n")...)
	for word, replacement := range w.words {
		if strings.Contains(text, word) {
			w.used[word] = true
			text = strings.ReplaceAll(text, word, replacement)
		}
	}
	return text
}

// nothingLeft fails the test for a block that was not followed, unless all its lines
// repeat what was, and for a word that stands on no page.
func (w *walk) nothingLeft() {
	for page, list := range w.left {
		for _, b := range list {
			onAppliance := slices.ContainsFunc(onTheAppliance, func(begins string) bool { return strings.HasPrefix(b.text, begins) })
			for line := range strings.Lines(b.text) {
				assert.True(w.t, onAppliance || slices.Contains(w.done, strings.TrimRight(line, "\n")), "%s: nobody has followed %s", page, b.text)
			}
		}
	}
	for word := range w.words {
		assert.True(w.t, w.used[word], "no block of the pages has %s", word)
	}
}

var variable = regexp.MustCompile(`\$([A-Z_]+)`)

// command returns a command of the pages with the variables that it names.
func (w *walk) command(script string) *exec.Cmd {
	w.t.Helper()
	var env []string
	for _, name := range variable.FindAllStringSubmatch(script, -1) {
		require.Contains(w.t, w.values, name[1], script)
		env = append(env, name[1]+"="+w.values[name[1]])
	}
	return w.chroot.Command(context.Background(), "cd "+w.dir+"\n"+script, env...)
}

func (w *walk) output(cmd *exec.Cmd, script string) string {
	w.t.Helper()
	text, err := cmd.CombinedOutput()
	require.NoError(w.t, err, "%s\n%s", script, text)
	return string(text)
}

func (w *walk) run(script string) { w.output(w.command(script), script) }

// background starts a command that runs until the test's end.
func (w *walk) background(script string) { w.started(script) }

func (w *walk) started(script string) *beattest.Buffer {
	w.t.Helper()
	cmd, out := w.command("exec "+script), &beattest.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(w.t, cmd.Start())
	w.t.Cleanup(func() {
		assert.NoError(w.t, cmd.Process.Signal(syscall.SIGTERM), "it ended by itself: %s", out)
		_ = cmd.Wait()
	})
	return out
}

// simulate stands in for ThreatQ, and prints what the examples of the pages stand for.
func (w *walk) simulate(script string) {
	out := w.started(script)
	said := map[string]string{}
	printed := regexp.MustCompile(`(?m)^ *(url|client\.id|client\.secret|data_collection_id): (\S+)\n`)
	w.eventually("the simulator prints its input", patience, func() bool {
		for _, match := range printed.FindAllStringSubmatch(out.String(), -1) {
			said[match[1]] = match[2]
		}
		return len(said) == 4
	})
	w.words["https://threatq.example.com"] = said["url"]
	w.words["ntdjzwe3mduyyjqxyjdiyza5mzyxmtkx"] = said["client.id"]
	w.words["0123456789abcdef"] = said["data_collection_id"]
	w.values["THREATQ_CLIENT_ID"], w.values["THREATQ_CLIENT_SECRET"] = said["client.id"], said["client.secret"]
}

func (w *walk) token(script string) {
	var answer struct {
		Token string `json:"access_token"`
	}
	require.NoError(w.t, json.Unmarshal([]byte(w.output(w.command(script), script)), &answer))
	w.values["TOKEN"] = answer.Token
}

// keystore types the values in which the keystore's commands ask for.
func (w *walk) keystore(script string) {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		cmd := w.command("script -qec '" + line + "' /dev/null")
		if name, ok := strings.CutPrefix(line, "threatqbeat keystore add "); ok {
			require.Contains(w.t, w.values, name)
			cmd.Stdin = strings.NewReader(w.values[name] + "\n")
		}
		w.output(cmd, line)
	}
}

func (w *walk) configure(text string) {
	file, err := os.OpenFile(filepath.Join(w.chroot.Root, "etc", config.Name, config.Name+".yml"), os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(w.t, err, "it is there and keeps its owner and mode")
	_, err = file.WriteString(text)
	require.NoError(w.t, err)
	require.NoError(w.t, file.Close())
}

// console sends a block's requests as Dev Tools would, and returns the last answer.
func (w *walk) console(text string) { w.sent(text) }

func (w *walk) sent(text string) (answer object) {
	w.t.Helper()
	for _, r := range requests(w.t, text) {
		var status int
		status, answer = w.raw(r[0], "/"+strings.TrimPrefix(r[1], "/"), r[2])
		require.Less(w.t, status, 300, "%s %s: %v", r[0], r[1], answer)
	}
	return answer
}

// until sends a block until its answer is the wanted one.
func (w *walk) until(what string, wanted func(object) bool) func(string) {
	return func(text string) {
		w.eventually(what, 3*time.Minute, func() bool { return wanted(w.sent(text)) })
	}
}

// key keeps the key that a block makes, as id:api_key or in another of the answer's forms.
func (w *walk) key(name, form string) func(string) {
	return func(text string) {
		answer := w.sent(text)
		w.t.Cleanup(func() { w.must("DELETE", "/_security/api_key", object{"ids": []any{answer["id"]}}) })
		w.values[name] = path("%s:%s", answer["id"], answer["api_key"])
		if form != "" {
			w.values[name] = answer[form].(string)
		}
	}
}

func (w *walk) importRule(script string) {
	w.dir = "/usr/share/doc/" + config.Name
	assert.Contains(w.t, w.output(w.command(script), script), `"success":true`)
}

// forget removes what the page creates beside the assets.
func (w *walk) forget(kibana string) {
	_, _, err := w.send(kibana, "DELETE", "/api/detection_engine/rules?rule_id="+matchRule, nil)
	assert.NoError(w.t, err)
	w.try("DELETE", "/_data_stream/logs-threatqbeat.check-default", nil)
	w.try("POST", "/.alerts-security.alerts-default/_delete_by_query?refresh&conflicts=proceed&ignore_unavailable=true",
		object{"query": object{"term": object{"kibana.alert.rule.rule_id": matchRule}}})
}
