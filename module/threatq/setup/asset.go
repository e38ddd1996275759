// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"slices"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// verdict is what to do with an asset.
type verdict int

const (
	current verdict = iota
	outdated
	newer
	foreign
)

// judge compares the _meta that the server has with the one that would be put. What
// has another hash is outdated, unless it is newer, or is ours and of the same version
// while olderOnly is set.
func judge(have, want assets.Body, olderOnly bool) verdict {
	ours := assets.MetaManagedBy(have) == assets.ManagedBy
	order := compareVersions(assets.MetaVersion(have), assets.MetaVersion(want))
	switch {
	case assets.MetaManagedBy(have) == "fleet":
		return foreign
	case assets.Hash(have) == assets.Hash(want), ours && order == 0 && olderOnly:
		return current
	case ours && order > 0:
		return newer
	}
	return outdated
}

// compareVersions returns -1, 0 or 1. A text that is not a version is older than any.
func compareVersions(a, b string) int {
	numbers := func(text string) []int {
		v, err := version.New(text)
		if err != nil {
			return nil
		}
		return []int{v.Major, v.Minor, v.Bugfix}
	}
	return slices.Compare(numbers(a), numbers(b))
}

// named is an asset with a name of its own that is read and put as a whole.
type named struct {
	asset, path string
	body        assets.Body
	overwrite   bool
	// keepEdited is a setting: without it, what somebody changed after it was put is kept.
	keepEdited string
}

// ensure puts the asset if the server has none, or another one.
func (i *Installer) ensure(ctx context.Context, n named) error {
	have, found, err := i.installed(ctx, n.asset, n.path)
	if err != nil {
		return err
	}
	doing, action := "creating", Created
	if found {
		doing, action = "updating", Updated
		v := judge(have, content(n.body), i.running)
		switch {
		case v == foreign && i.running:
			// A beat that only runs leaves it alone.
			i.done(n.asset, Kept, "Fleet manages it")
			return nil
		case v == foreign:
			return foreignError(n.asset, ownerOf(have))
		case n.overwrite:
		case v == current:
			i.done(n.asset, Unchanged, "")
			return nil
		case v == newer:
			i.done(n.asset, Kept, "version "+assets.MetaVersion(have)+" installed it")
			return nil
		case n.keepEdited != "" && assets.ContentHash(have) != assets.Hash(have):
			i.done(n.asset, Kept, "somebody changed it; "+n.keepEdited+": true replaces it")
			return nil
		}
	}
	if err := i.send(ctx, doing+" "+n.asset, "PUT "+n.path, n.body); err != nil {
		return err
	}
	i.done(n.asset, action, "")
	return nil
}

// installed reads an asset and returns the object in it that has its _meta.
func (i *Installer) installed(ctx context.Context, asset, path string) (have assets.Body, found bool, err error) {
	var answer assets.Body
	found, err = i.find(ctx, asset, path, &answer)
	for _, entry := range answer { // the only one
		if templates, _ := entry.([]any); len(templates) > 0 {
			entry = object(templates[0])["index_template"]
		}
		have = content(object(entry))
	}
	return have, found, err
}

// content returns the object that has the _meta, which is a part of a policy.
func content(body assets.Body) assets.Body {
	if policy := object(body["policy"]); policy != nil {
		return policy
	}
	return body
}

func (i *Installer) pipeline(ctx context.Context) error {
	asset := "ingest pipeline " + assets.PipelineName
	if !i.cfg.Pipelines.Enabled {
		i.done(asset, Skipped, "setup.pipelines.enabled is false")
		return nil
	}
	return i.ensure(ctx, named{
		asset: asset, path: "/_ingest/pipeline/" + assets.PipelineName,
		body: assets.Pipeline(), overwrite: i.cfg.Pipelines.Overwrite,
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
	return i.ensure(ctx, named{
		asset: asset, path: "/_ilm/policy/" + assets.PolicyName,
		body: assets.Policy(), overwrite: i.cfg.ILM.Overwrite,
		// How long to keep what is the users' to decide, and Kibana is where
		// they do: it keeps the _meta as it was.
		keepEdited: "setup.ilm.overwrite",
	})
}

// customTemplate creates the users' component template, and never replaces it.
func (i *Installer) customTemplate(ctx context.Context) error {
	asset, path := "component template "+assets.CustomTemplateName, "/_component_template/"+assets.CustomTemplateName
	found, err := i.find(ctx, asset, path, nil)
	if err != nil {
		return err
	}
	action := Unchanged
	if !found {
		action = Created
		if err := i.send(ctx, "creating "+asset, "PUT "+path+"?create=true", assets.CustomTemplate()); err != nil {
			// Somebody may have created theirs since we looked.
			if found, again := i.find(ctx, asset, path, nil); again != nil || !found {
				return err
			}
			action = Unchanged
		}
	}
	i.done(asset, action, "")
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
		asset: "index template " + name, path: "/_index_template/" + name,
		body: body, overwrite: i.cfg.Template.Overwrite,
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
	if found, err := i.find(ctx, "data streams "+assets.DataStreams, "/_data_stream/"+assets.DataStreams, &list); err != nil || !found {
		return err
	}
	for _, ds := range list.DataStreams {
		asset := "data stream " + ds.Name
		if len(ds.Indices) == 0 {
			continue
		}
		// The last one is written to.
		write := ds.Indices[len(ds.Indices)-1].Name
		mappings, err := i.mappings(ctx, asset, write)
		if err != nil {
			return err
		}
		// Fleet's is replaced, too: with the template it has been handed over, and
		// the pipeline that its index names goes together with the integration.
		if v := judge(mappings[write], template, false); v == current || v == newer {
			i.done(asset, Unchanged, "")
			continue
		}
		if err := i.send(ctx, "rolling over "+asset, "POST /"+ds.Name+"/_rollover", nil); err != nil {
			return err
		}
		i.done(asset, Updated, "rolled over to the new template")
	}
	return nil
}

// mappings returns the mapping of each index that matches.
func (i *Installer) mappings(ctx context.Context, asset, pattern string) (map[string]assets.Body, error) {
	var answer map[string]struct {
		Mappings assets.Body `json:"mappings"`
	}
	_, err := i.find(ctx, asset, "/"+pattern+"/_mapping", &answer)
	mappings := make(map[string]assets.Body, len(answer))
	for name, index := range answer {
		mappings[name] = index.Mappings
	}
	return mappings, err
}

// object returns v as a JSON object, nil if it is none.
func object(v any) assets.Body {
	o, _ := v.(assets.Body)
	return o
}
