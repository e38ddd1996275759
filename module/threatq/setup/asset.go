// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"net/http"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// replace says when an asset that the server has is replaced.
type replace int

const (
	// replaceDifferent replaces what has another hash, unless it is newer.
	replaceDifferent replace = iota
	// replaceOlder replaces what has an older version only.
	replaceOlder
)

// verdict is what to do with an asset.
type verdict int

const (
	current verdict = iota
	outdated
	newer
	foreign
)

// judge compares the _meta that the server has with the one that would be put.
func judge(have, want assets.Body, when replace) verdict {
	if assets.MetaManagedBy(have) == "fleet" {
		return foreign
	}
	if assets.Hash(have) == assets.Hash(want) {
		return current
	}
	if assets.MetaManagedBy(have) == assets.ManagedBy {
		switch order := compareVersions(assets.MetaVersion(have), assets.MetaVersion(want)); {
		case order > 0:
			return newer
		case order == 0 && when == replaceOlder:
			return current
		}
	}
	return outdated
}

// compareVersions returns -1, 0 or 1. A text that is not a version is older than any.
func compareVersions(a, b string) int {
	va, vb := versionOf(a), versionOf(b)
	switch {
	case va.LessThan(vb):
		return -1
	case vb.LessThan(va):
		return 1
	}
	return 0
}

func versionOf(text string) *version.V {
	v, err := version.New(text)
	if err != nil {
		return &version.V{}
	}
	return v
}

// named is an asset with a name of its own that is read and put as a whole.
type named struct {
	asset, privilege, path string
	// body is what is put, want the object in it that has the _meta.
	body, want assets.Body
	// found takes the object that has the _meta out of the server's answer.
	found func(assets.Body) assets.Body
	// edited says whether somebody changed what we once put. nil: don't ask.
	edited    func(have assets.Body) bool
	overwrite bool
	setting   string // that makes it overwrite
}

// ensure puts the asset if the server has none, or another one.
func (i *Installer) ensure(ctx context.Context, n named) error {
	var answer assets.Body
	found, err := i.find(ctx, n.asset, n.privilege, n.path, &answer)
	if err != nil {
		return err
	}
	doing, action := "creating", Created
	if found {
		have := n.found(answer)
		if have == nil {
			have = assets.Body{}
		}
		v := judge(have, n.want, i.when)
		if v == foreign {
			if i.when == replaceOlder {
				// A beat that only runs has no quarrel with it.
				i.done(n.asset, Kept, "Fleet manages it")
				return nil
			}
			return foreignError(n.asset, ownerOf(have))
		}
		if n.overwrite {
			v = outdated
		} else if v == outdated && n.edited != nil && n.edited(have) {
			i.done(n.asset, Kept, "somebody changed it; "+n.setting+": true replaces it")
			return nil
		}
		switch v {
		case current:
			i.done(n.asset, Unchanged, "")
			return nil
		case newer:
			i.done(n.asset, Kept, "version "+assets.MetaVersion(have)+" installed it")
			return nil
		}
		doing, action = "updating", Updated
	}
	if err := i.send(ctx, doing, n.asset, n.privilege, "PUT "+n.path, n.body); err != nil {
		return err
	}
	i.done(n.asset, action, "")
	return nil
}

func (i *Installer) pipeline(ctx context.Context) error {
	asset := "ingest pipeline " + assets.PipelineName
	if !i.cfg.Pipelines.Enabled {
		i.done(asset, Skipped, "setup.pipelines.enabled is false")
		return nil
	}
	body := assets.Pipeline()
	return i.ensure(ctx, named{
		asset: asset, privilege: privPipelines,
		path: "/_ingest/pipeline/" + assets.PipelineName,
		body: body, want: body,
		found:     func(a assets.Body) assets.Body { return object(a[assets.PipelineName]) },
		overwrite: i.cfg.Pipelines.Overwrite, setting: "setup.pipelines.overwrite",
	})
}

func (i *Installer) policy(ctx context.Context) error {
	asset := "ILM policy " + assets.PolicyName
	if i.server.Serverless {
		i.done(asset, Skipped, "a Serverless project has none; the index template names the retention")
		return nil
	}
	if !i.cfg.ILM.Enabled {
		i.done(asset, Skipped, "setup.ilm.enabled is false")
		return nil
	}
	body := assets.Policy()
	return i.ensure(ctx, named{
		asset: asset, privilege: privILM,
		path: "/_ilm/policy/" + assets.PolicyName,
		body: body, want: object(body["policy"]),
		found: func(a assets.Body) assets.Body {
			return object(object(a[assets.PolicyName])["policy"])
		},
		// How long to keep what is the users' to decide, and Kibana is where
		// they do: it keeps the _meta as it was.
		edited:    func(have assets.Body) bool { return assets.ContentHash(have) != assets.Hash(have) },
		overwrite: i.cfg.ILM.Overwrite, setting: "setup.ilm.overwrite",
	})
}

// customTemplate creates the users' component template, and never replaces it.
func (i *Installer) customTemplate(ctx context.Context) error {
	asset := "component template " + assets.CustomTemplateName
	path := "/_component_template/" + assets.CustomTemplateName
	found, err := i.find(ctx, asset, privTemplates, path, nil)
	if err != nil {
		return err
	}
	if found {
		i.done(asset, Unchanged, "")
		return nil
	}
	body := assets.CustomTemplate()
	status, err := i.do(ctx, Request{
		Doing: "creating", Asset: asset, Privilege: privTemplates,
		Method: http.MethodPut, Path: path, Body: body,
		// Somebody may have created theirs since we looked.
		Params: map[string]string{"create": "true"}, okStatus: http.StatusBadRequest,
	}, nil)
	if err != nil {
		return err
	}
	if status == http.StatusBadRequest {
		if found, err = i.find(ctx, asset, privTemplates, path, nil); err != nil {
			return err
		}
		if !found {
			return errorOf("creating", asset, privTemplates, status, nil, nil)
		}
		i.done(asset, Unchanged, "")
		return nil
	}
	i.done(asset, Created, "")
	return nil
}

func (i *Installer) template(ctx context.Context) error {
	return i.indexTemplate(ctx, assets.TemplateName, assets.Template(i.server))
}

func (i *Installer) destTemplate(ctx context.Context) error {
	return i.indexTemplate(ctx, assets.DestTemplateName, assets.DestTemplate(i.server))
}

func (i *Installer) indexTemplate(ctx context.Context, name string, body assets.Body) error {
	return i.ensure(ctx, named{
		asset: "index template " + name, privilege: privTemplates,
		path: "/_index_template/" + name,
		body: body, want: body,
		found: func(a assets.Body) assets.Body {
			list, _ := a["index_templates"].([]any)
			if len(list) == 0 {
				return nil
			}
			return object(object(list[0])["index_template"])
		},
		overwrite: i.cfg.Template.Overwrite, setting: "setup.template.overwrite",
	})
}

// rollOver gives each data stream that was made from another template a new
// index, made from the current one.
func (i *Installer) rollOver(ctx context.Context) error {
	template := assets.Template(i.server)
	var list struct {
		DataStreams []struct {
			Name    string `json:"name"`
			Indices []struct {
				Name string `json:"index_name"`
			} `json:"indices"`
		} `json:"data_streams"`
	}
	if found, err := i.find(ctx, "data streams "+assets.DataStreams, privDataStreams,
		"/_data_stream/"+assets.DataStreams, &list); err != nil || !found {
		return err
	}
	for _, ds := range list.DataStreams {
		asset := "data stream " + ds.Name
		if len(ds.Indices) == 0 {
			continue
		}
		// The last one is written to.
		write := ds.Indices[len(ds.Indices)-1].Name
		metas, err := i.mappingMetas(ctx, asset, privDataStreams, write)
		if err != nil {
			return err
		}
		// Fleet's is replaced, too: with the template it has been handed over, and
		// the pipeline that its index names goes together with the integration.
		if v := judge(metas[write], template, replaceDifferent); v == current || v == newer {
			i.done(asset, Unchanged, "")
			continue
		}
		if err := i.send(ctx, "rolling over", asset, privRollover, "POST /"+ds.Name+"/_rollover", nil); err != nil {
			return err
		}
		i.done(asset, Updated, "rolled over to the new template")
	}
	return nil
}

// mappingMetas returns, for each index that matches, an object with the _meta
// of its mapping.
func (i *Installer) mappingMetas(ctx context.Context, asset, privilege, pattern string) (map[string]assets.Body, error) {
	var answer map[string]struct {
		Mappings assets.Body `json:"mappings"`
	}
	if _, err := i.find(ctx, asset, privilege, "/"+pattern+"/_mapping", &answer); err != nil {
		return nil, err
	}
	metas := make(map[string]assets.Body, len(answer))
	for name, index := range answer {
		metas[name] = assets.Body{"_meta": index.Mappings["_meta"]}
	}
	return metas, nil
}

// object returns v as a JSON object, nil if it is none.
func object(v any) assets.Body {
	o, _ := v.(assets.Body)
	return o
}

// plural writes n things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
