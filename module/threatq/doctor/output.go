// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/elastic/elastic-agent-libs/testing"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

// ExamineElasticsearch looks at what an event meets in Elasticsearch: the licence,
// the data streams of the namespaces with their template and pipeline, the transform
// that keeps the active indicators, and the privileges for publishing. What the
// credentials may not look at is a warning, because publishing does not need it.
func ExamineElasticsearch(ctx context.Context, d testing.Driver, es setup.Elasticsearch, namespaces []string) {
	e := elasticsearch{ctx: ctx, es: es}
	if !es.IsServerless() {
		d.Run("licence", e.licence)
	}
	d.Run("index template "+assets.TemplateName, func(d testing.Driver) { e.asset(d, "/_index_template/"+assets.TemplateName) })
	d.Run("ingest pipeline "+assets.PipelineName, func(d testing.Driver) { e.asset(d, "/_ingest/pipeline/"+assets.PipelineName) })
	for _, namespace := range namespaces {
		d.Run("data stream "+assets.DataStreamPrefix+namespace, func(d testing.Driver) { e.dataStream(d, namespace) })
	}
	d.Run("transform", e.transforms)
	d.Run("privileges for publishing", func(d testing.Driver) { e.privileges(d, namespaces) })
}

type elasticsearch struct {
	ctx context.Context
	es  setup.Elasticsearch
}

// get reads from a path. It returns the status, 0 without an answer.
func (e elasticsearch) get(path string, out any) (int, error) {
	return setup.Ask(e.ctx, e.es, "reading "+path, "GET "+path, nil, out)
}

// unseen reports an error of looking, and whether there was one.
func unseen(d testing.Driver, field string, err error) bool {
	refused, _ := errors.AsType[*setup.Error](err)
	switch {
	case err == nil:
		return false
	case refused != nil && refused.Unprivileged:
		d.Warn(field, "these credentials may not look at it, which publishing does not need")
	default:
		d.Error(field, err)
	}
	return true
}

func (e elasticsearch) licence(d testing.Driver) {
	var answer struct {
		License struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"license"`
	}
	_, err := e.get("/_license", &answer)
	switch {
	case unseen(d, "status", err):
	case answer.License.Status != "active":
		d.Error("status", fmt.Errorf("the licence (%s) is %s: renew it; without one the transform stops", answer.License.Type, answer.License.Status))
	default:
		d.Info("status", answer.License.Type+", active")
	}
}

// asset looks for one that setup installs and tells its version.
func (e elasticsearch) asset(d testing.Driver, path string) {
	have, found, err := setup.Installed(e.ctx, e.es, path)
	switch current := assets.Version(); {
	case unseen(d, "installed", err):
	case !found:
		d.Error("installed", errors.New("it is missing: run threatqbeat setup"))
	case assets.MetaManagedBy(have) != assets.ManagedBy:
		d.Warn("version", "threatqbeat setup did not install it")
	case assets.MetaVersion(have) != current:
		d.Warn("version", fmt.Sprintf("it is of version %s, and this threatqbeat brings %s: run threatqbeat setup", assets.MetaVersion(have), current))
	default:
		d.Info("version", current)
	}
}

func (e elasticsearch) dataStream(d testing.Driver, namespace string) {
	var answer struct {
		DataStreams []struct {
			Status   string `json:"status"`
			Template string `json:"template"`
			Indices  []any  `json:"indices"`
		} `json:"data_streams"`
	}
	status, err := e.get("/_data_stream/"+assets.DataStreamPrefix+namespace, &answer)
	if status == http.StatusNotFound {
		d.Info("state", "the first event creates it")
		return
	}
	if unseen(d, "state", err) {
		return
	}
	for _, ds := range answer.DataStreams {
		if ds.Template != assets.TemplateName {
			d.Error("template", fmt.Errorf("it was made from the index template %s instead of %s: run threatqbeat setup, which refuses or rolls it over", ds.Template, assets.TemplateName))
			continue
		}
		d.Info("state", fmt.Sprintf("%d indices, health %s", len(ds.Indices), strings.ToLower(ds.Status)))
	}
}

func (e elasticsearch) transforms(d testing.Driver) {
	states, err := setup.LookAtTransforms(e.ctx, e.es)
	for _, s := range states {
		if problem := s.Problem(); problem != nil {
			d.Error(s.ID, problem)
			continue
		}
		d.Info(s.ID, s.State)
	}
	unseen(d, "state", err)
}

// publishing is what the role of docs/examples/role-publish.json grants on the data
// streams.
var publishing = []string{"auto_configure", "create_doc"}

func (e elasticsearch) privileges(d testing.Driver, namespaces []string) {
	var names []string
	for _, namespace := range namespaces {
		names = append(names, assets.DataStreamPrefix+namespace)
	}
	var answer struct {
		Cluster map[string]bool            `json:"cluster"`
		Index   map[string]map[string]bool `json:"index"`
	}
	status, err := setup.Ask(e.ctx, e.es, "asking for the privileges", "POST /_security/user/_has_privileges", map[string]any{
		"cluster": []string{"monitor"},
		"index":   []any{map[string]any{"names": names, "privileges": publishing}},
	}, &answer)
	if status == http.StatusBadRequest || status == http.StatusMethodNotAllowed {
		d.Warn("security", "the cluster has no security, so that everybody may do everything")
		return
	}
	if unseen(d, "granted", err) {
		return
	}
	if !answer.Cluster["monitor"] {
		d.Error("cluster", errors.New("the cluster privilege monitor is missing: grant the role of docs/examples/role-publish.json"))
	}
	for _, name := range names {
		var missing []string
		for _, privilege := range publishing {
			if !answer.Index[name][privilege] {
				missing = append(missing, privilege)
			}
		}
		if len(missing) > 0 {
			d.Error(name, fmt.Errorf("%s is missing: grant the role of docs/examples/role-publish.json", strings.Join(missing, " and ")))
			continue
		}
		d.Info(name, strings.Join(publishing, ", "))
	}
}

// ExamineFile looks at whether output.file can write to its directory.
func ExamineFile(d testing.Driver, dir, name string) {
	d.Run("file: "+filepath.Join(dir, name), func(d testing.Driver) {
		if dir == "" {
			d.Fatal("directory", errors.New("output.file.path is missing: name the directory that the files are written to"))
		}
		if err := config.CheckPath("output.file", filepath.Join(dir, name)); err != nil {
			d.Fatal("directory", err)
		}
		info, err := os.Stat(dir)
		if errors.Is(err, os.ErrNotExist) {
			d.Info("directory", "it does not exist, the first event creates it")
			for errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
				dir = filepath.Dir(dir)
				_, err = os.Stat(dir)
			}
			d.Fatal("writable", writable(dir))
			return
		}
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no directory: output.file.path must name one", dir)
		}
		d.Fatal("directory", err)
		d.Fatal("writable", writable(dir))
		files, err := filepath.Glob(filepath.Join(dir, name+"*"))
		d.Error("files", err)
		d.Info("there already", fmt.Sprintf("%d files", len(files)))
	})
}

// writable returns why no file can be created in a directory.
func writable(dir string) error {
	file, err := os.CreateTemp(dir, ".threatqbeat-test-")
	if err != nil {
		return fmt.Errorf("creating a file in %s: %w: the user that runs threatqbeat needs to write there", dir, errors.Unwrap(err))
	}
	name := file.Name()
	return errors.Join(file.Close(), os.Remove(name))
}
