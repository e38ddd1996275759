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
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

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
// credentials of output.elasticsearch where it has no credentials, as
// instance.InitKibanaConfig adds them. An error is an *Error.
func ConnectKibana(cfg *config.C, beatName, beatVersion string) (Kibana, error) {
	client, err := kibana.NewKibanaClient(cfg, beatName, beatVersion, version.Commit(), version.BuildTime().String())
	if err != nil {
		status := statusOf(err)
		e := errorOf("connecting for", kibanaAsset, privSavedObject, status, nil, err)
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
	serverless, _ := client.KibanaIsServerless()
	if !serverless {
		v := client.GetVersion()
		if v.LessThan(libversion.MustNew(assets.MinimumKibana)) {
			return &Error{
				Kind: KindVersion, Asset: kibanaAsset, Doing: "importing",
				Cause:  fmt.Sprintf("Kibana is %s, and they need %s or later", v.String(), assets.MinimumKibana),
				Remedy: "Upgrade Kibana, or leave the dashboards out: run setup with --index-management --pipelines --transforms.",
			}
		}
	}
	objects := assets.KibanaObjects()
	ndjson := assets.KibanaNDJSON()
	action, status, err := importObjects(client, ndjson, serverless)
	if err != nil {
		e := errorOf("importing", kibanaAsset, privSavedObject, status, nil, err)
		switch {
		case status >= http.StatusOK && status < http.StatusMultipleChoices:
			e.Cause = "Kibana took the file but not every object: " + shorten(err.Error())
		case e.Kind == KindServer, e.Kind == KindPrivilege:
			e.Cause += ": " + shorten(err.Error())
		}
		return e
	}
	i.done(fmt.Sprintf("%s (%s)", kibanaAsset, plural(len(objects), "saved object")), action, "")
	return nil
}

// importObjects sends the saved objects to Kibana. They are created when Kibana had
// none of them, and updated otherwise. With an error it returns the HTTP status, 0
// when there was no answer.
func importObjects(client Kibana, ndjson []byte, serverless bool) (Action, int, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "threatqbeat.ndjson") // Kibana wants a name that ends so
	if err != nil {
		return "", 0, err
	}
	if _, err := file.Write(ndjson); err != nil {
		return "", 0, err
	}
	if err := form.Close(); err != nil {
		return "", 0, err
	}
	headers := http.Header{"Content-Type": {form.FormDataContentType()}}
	if serverless {
		headers.Set("X-Elastic-Internal-Origin", "threatqbeat") // Serverless refuses this API without it
	}
	status, answer, err := client.Request(http.MethodPost, "/api/saved_objects/_import", url.Values{"overwrite": {"true"}}, headers, &body)
	if err != nil {
		return "", status, err
	}
	var result struct {
		Imported []struct {
			Overwrite bool `json:"overwrite"`
		} `json:"successResults"`
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return "", status, fmt.Errorf("reading Kibana's answer: %w", err)
	}
	for _, object := range result.Imported {
		if object.Overwrite {
			return Updated, status, nil
		}
	}
	return Created, status, nil
}
