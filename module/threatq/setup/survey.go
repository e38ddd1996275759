// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// survey refuses what belongs to somebody else before anything is changed: two
// that write to one index, or fill one data stream through different templates,
// undo each other's work.
func (i *Installer) survey(ctx context.Context, parts Parts) error {
	if i.cfg.Transforms.Enabled && (parts.IndexManagement || parts.Transforms) {
		if _, err := i.listTransforms(ctx); err != nil {
			return err
		}
	}
	if i.cfg.Template.Enabled && parts.IndexManagement {
		return i.surveyTemplates(ctx)
	}
	return nil
}

// surveyTemplates refuses another template that would be used for one of our
// indices.
func (i *Installer) surveyTemplates(ctx context.Context) error {
	var list struct {
		Templates []struct {
			Name     string `json:"name"`
			Template struct {
				Patterns []string `json:"index_patterns"`
				Priority int      `json:"priority"`
				Meta     any      `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	// There are hundreds, with the mappings of Fleet's integrations.
	const filter = "?filter_path=*.name,*.*.index_patterns,*.*.priority,*.*._meta"
	if _, err := i.find(ctx, "the index templates", "/_index_template/*"+filter, &list); err != nil {
		return err
	}
	for name, want := range map[string]assets.Body{
		assets.TemplateName: assets.Template(i.server), assets.DestTemplateName: assets.DestTemplate(i.server),
	} {
		priority := want["priority"].(int)
		ours := strings.TrimSuffix(want["index_patterns"].([]any)[0].(string), "*")
		matches := func(theirs string) bool {
			ok, _ := path.Match(theirs, ours+"default")
			return ok || strings.HasPrefix(theirs, ours)
		}
		for _, t := range list.Templates {
			rival := t.Name != name && t.Template.Priority >= priority && slices.ContainsFunc(t.Template.Patterns, matches)
			if !rival && t.Name != name {
				continue
			}
			if owner := ownerOf(assets.Body{"_meta": t.Template.Meta}); owner != "" {
				return foreignError("index template "+t.Name, owner)
			}
			if rival {
				return &Error{
					Doing: "looking at index template " + t.Name,
					Cause: fmt.Sprintf("it takes the place of the index template %s: its pattern %s matches as well, and its priority %d is as high or higher",
						name, strings.Join(t.Template.Patterns, ","), t.Template.Priority),
					Remedy: fmt.Sprintf("Remove it with DELETE _index_template/%s, or give it a priority below %d; settings of your own go to the component template %s. Nothing was changed.",
						t.Name, priority, assets.CustomTemplateName),
				}
			}
		}
	}
	return nil
}

// ownerOf says who else manages the asset with that _meta, in words; "" if it is
// nobody that tells.
func ownerOf(body assets.Body) string {
	if assets.MetaManagedBy(body) != "fleet" {
		return ""
	}
	switch name, _ := object(object(body["_meta"])["package"])["name"].(string); name {
	case "":
		return "an integration that Fleet manages"
	case elasticsPackage:
		return "Elastic's integration ThreatQuotient (" + elasticsPackage + "), which Fleet manages"
	default:
		return "the integration " + name + ", which Fleet manages"
	}
}

// elasticsPackage is the name of Elastic's own integration, which has the same
// data stream and the same names of assets.
const elasticsPackage = "ti_threatq"

func foreignError(asset, owner string) *Error {
	return &Error{
		Doing: "replacing " + asset,
		Cause: "it belongs to " + owner,
		Remedy: "With it, setup isn't needed and would take away what it works with. To use this beat's own assets instead, " +
			"follow docs/upgrading.md, \"From an integration of Fleet\". Nothing was changed.",
	}
}

// foreignWriter refuses a transform of somebody else that writes to the index of
// active indicators.
func foreignWriter(id, owner string) *Error {
	e := &Error{
		Doing:  "looking at transform " + id,
		Cause:  "it writes to the index of active indicators, and setup didn't make it",
		Remedy: "Two that write there undo each other's work. Remove it: " + removeTransform(id) + ". Then run setup again. Nothing was changed.",
	}
	if owner != "" {
		e.Cause = "it writes to the index of active indicators, and belongs to " + owner
		e.Remedy = "Follow docs/upgrading.md, \"From an integration of Fleet\". Where the integration is removed already and has left it: " +
			removeTransform(id) + ". Then run setup again. Nothing was changed."
	}
	return e
}

// removeTransform names the requests that remove a transform, and nothing else.
func removeTransform(id string) string {
	return fmt.Sprintf("POST _transform/%s/_stop?force=true&wait_for_completion=true and then DELETE _transform/%s", id, id)
}
