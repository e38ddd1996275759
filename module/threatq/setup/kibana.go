// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/dustin/go-humanize/english"

	"github.com/elastic/beats/v7/libbeat/version"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/kibana"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

const (
	kibanaAsset     = "Kibana dashboards"
	withoutKibana   = "leave the dashboards out: run setup with --index-management --pipelines --transforms."
	privSavedObject = "the Kibana privileges all for Dashboard and Saved Objects Management in the space (setup.kibana.space.id)"
)

// ConnectKibana connects with Kibana as setup.kibana says; cfg has the
// credentials of output.elasticsearch where it has no credentials, as
// instance.InitKibanaConfig adds them. An error is an *Error.
func ConnectKibana(cfg *config.C, beatName, beatVersion string) (*kibana.Client, error) {
	client, err := kibana.NewKibanaClient(cfg, beatName, beatVersion, version.Commit(), version.BuildTime().String())
	if err != nil {
		status := statusOf(err)
		e := errorOf("connecting for "+kibanaAsset, privSavedObject, status, nil, err)
		var u *url.Error
		switch {
		case status == 0 && errors.As(err, &u):
			e.Cause = "Kibana can't be reached: " + shorten(u.Err.Error())
			e.Remedy = "Start Kibana and check setup.kibana.host, or " + withoutKibana
		case status == 0:
			e.Cause = shorten(err.Error())
			e.Remedy = "Check the settings under setup.kibana."
		}
		return nil, e
	}
	return client, nil
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
	client, err := i.kibana()
	if err != nil {
		return err
	}
	serverless, _ := client.KibanaIsServerless()
	if !serverless {
		v := client.GetVersion()
		if assets.Older(v, assets.MinimumKibana) {
			return &Error{
				Doing:  "importing " + kibanaAsset,
				Cause:  fmt.Sprintf("Kibana is %s, and they need %s or later", v.String(), assets.MinimumKibana),
				Remedy: "Upgrade Kibana, or " + withoutKibana,
			}
		}
	}
	action, status, err := importObjects(client, serverless)
	if err != nil {
		e := errorOf("importing "+kibanaAsset, privSavedObject, status, nil, err)
		switch {
		case status >= http.StatusOK && status < http.StatusMultipleChoices:
			e.Cause = "Kibana took the file but not every object: " + shorten(err.Error())
		case status != 0 && status != http.StatusUnauthorized:
			e.Cause += ": " + shorten(err.Error())
		}
		return e
	}
	i.done(fmt.Sprintf("%s (%s)", kibanaAsset, english.Plural(len(assets.KibanaObjects()), "saved object", "")), action, "")
	return nil
}

// importObjects sends the saved objects to Kibana. They are created when Kibana had
// none of them, and updated otherwise. With an error it returns the HTTP status, 0
// when there was no answer.
func importObjects(client *kibana.Client, serverless bool) (Action, int, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, _ := form.CreateFormFile("file", "threatqbeat.ndjson") // Kibana wants a name that ends so
	_, _ = file.Write(assets.KibanaNDJSON())
	_ = form.Close() // writing to memory does not fail
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
