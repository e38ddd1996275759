// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/elastic/beats/v7/libbeat/version"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/kibana"
	libversion "github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// Kibana is what the installer needs of a connection with Kibana; a
// kibana.Client is one.
type Kibana interface {
	// Request sends body and returns the status and the answer. The error of an
	// answer with a status of 300 or more carries its text.
	Request(method, path string, params url.Values, headers http.Header, body io.Reader) (int, []byte, error)
	// ImportMultiPartFormFile sends contents as a file of a form.
	ImportMultiPartFormFile(path string, params url.Values, filename, contents string) error
	// GetVersion returns Kibana's version.
	GetVersion() libversion.V
	// KibanaIsServerless says whether Kibana is of a Serverless project.
	KibanaIsServerless() (bool, error)
}

const (
	kibanaAsset     = "Kibana dashboards"
	privSavedObject = "the Kibana privileges all for Dashboard and Saved Objects Management in the space (setup.kibana.space.id)"
)

// ConnectKibana connects with Kibana as setup.kibana says; cfg has the
// credentials of output.elasticsearch where it has none of its own, as
// instance.InitKibanaConfig adds them. A refusal is an *Error.
func ConnectKibana(cfg *config.C, beatName, beatVersion string) (Kibana, error) {
	client, err := kibana.NewKibanaClient(cfg, beatName, beatVersion, version.Commit(), version.BuildTime().String())
	if err != nil {
		status := statusOf(err)
		e := refusal("connecting for", kibanaAsset, privSavedObject, status, nil, err)
		switch {
		case status == 0 && errors.As(err, new(*url.Error)):
			e.Cause = "Kibana can't be reached: " + shorten(urlCause(err))
			e.Remedy = "Start Kibana and check setup.kibana.host, or leave the dashboards out: run setup with --index-management --pipelines --transforms."
		case status == 0:
			e.Kind = KindServer
			e.Cause = shorten(err.Error())
			e.Remedy = "Check the settings under setup.kibana."
		}
		return nil, e
	}
	return client, nil
}

// urlCause returns why a request failed, without the URL in front.
func urlCause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

var statusPattern = regexp.MustCompile(`(?:^|status=|returned |response code: )(\d{3})\b`)

// statusOf finds the HTTP status in the text of an error of a library that says
// it nowhere else; 0 if there is none.
func statusOf(err error) int {
	m := statusPattern.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	status, _ := strconv.Atoi(m[1])
	return status
}

// dashboards imports the data view, searches and dashboards.
func (i *Installer) dashboards(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("importing %s: %w", kibanaAsset, err)
	}
	if i.kibana == nil {
		return &Error{
			Kind: KindUnreachable, Asset: kibanaAsset, Doing: "importing",
			Cause:  "Kibana is not configured",
			Remedy: "Set setup.kibana.host, or leave the dashboards out: run setup with --index-management --pipelines --transforms.",
		}
	}
	client, err := i.kibana()
	if err != nil {
		return err
	}
	if serverless, _ := client.KibanaIsServerless(); !serverless {
		v := client.GetVersion()
		if v.LessThan(libversion.MustNew(assets.MinimumKibana)) {
			return &Error{
				Kind: KindVersion, Asset: kibanaAsset, Doing: "importing",
				Cause:  fmt.Sprintf("Kibana is %s, and they need %s or later", v.String(), assets.MinimumKibana),
				Remedy: "Upgrade Kibana, or leave the dashboards out: run setup with --index-management --pipelines --transforms.",
			}
		}
	}
	objects, err := assets.KibanaObjects()
	if err != nil {
		return err
	}
	asset := fmt.Sprintf("%s (%s)", kibanaAsset, plural(len(objects), "saved object"))
	if kibanaHas(client, objects) {
		i.done(asset, Unchanged, "")
		return nil
	}
	ndjson, err := assets.KibanaNDJSON()
	if err != nil {
		return err
	}
	err = client.ImportMultiPartFormFile("/api/saved_objects/_import", url.Values{"overwrite": {"true"}}, "threatqbeat.ndjson", string(ndjson))
	if err != nil {
		status := statusOf(err)
		e := refusal("importing", kibanaAsset, privSavedObject, status, nil, err)
		switch {
		case status >= http.StatusOK && status < http.StatusMultipleChoices:
			e.Cause = "Kibana took the file but not every object: " + shorten(err.Error())
		case e.Kind == KindServer, e.Kind == KindPrivilege:
			e.Cause += ": " + shorten(err.Error())
		}
		return e
	}
	i.done(asset, Updated, "imported")
	return nil
}

// kibanaHas says whether Kibana has all objects as they are. It says no where it
// can't tell, for an import does no harm.
func kibanaHas(client Kibana, objects []assets.KibanaObject) bool {
	type key struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	type object struct {
		key
		Attributes map[string]any `json:"attributes"`
		References []any          `json:"references"`
	}
	keys := make([]key, 0, len(objects))
	want := make(map[key]object, len(objects))
	for _, o := range objects {
		var parsed object
		if json.Unmarshal(o.JSON, &parsed) != nil {
			return false
		}
		want[parsed.key] = parsed
		keys = append(keys, parsed.key)
	}
	body, err := json.Marshal(map[string]any{"objects": keys, "excludeExportDetails": true})
	if err != nil {
		return false
	}
	status, answer, err := client.Request(http.MethodPost, "/api/saved_objects/_export", nil, nil, bytes.NewReader(body))
	if err != nil || status != http.StatusOK {
		return false
	}
	for line := range strings.Lines(string(answer)) {
		var have object
		if json.Unmarshal([]byte(line), &have) != nil {
			continue
		}
		w, ours := want[have.key]
		if !ours {
			continue
		}
		// Kibana may add attributes, but not change ours.
		for name, value := range w.Attributes {
			if !reflect.DeepEqual(expand(value), expand(have.Attributes[name])) {
				return false
			}
		}
		if len(w.References) != len(have.References) {
			return false
		}
		delete(want, have.key)
	}
	return len(want) == 0
}

// expand returns value with each string in it that is a JSON object or array
// replaced by what it says, for Kibana may write it in another way.
func expand(value any) any {
	switch v := value.(type) {
	case string:
		var parsed any
		if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
			if json.Unmarshal([]byte(v), &parsed) == nil {
				return expand(parsed)
			}
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, element := range v {
			out[name] = expand(element)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for n, element := range v {
			out[n] = expand(element)
		}
		return out
	}
	return value
}
