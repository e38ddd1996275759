// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/threatqbeat/threatqbeat/dev-tools/archive"
	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

// Name is the name of the integration package.
const Name = "threatq"

// own is the folder of the files that belong to the package alone.
const own = "_meta/fleet"

// modified is the time of every file in the archive: the earliest that the format has. A real one
// would make two builds of the same sources differ.
var modified = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// Files whose version, and more, is filled in.
var templates = []string{"manifest.yml", "docs/README.md"}

// Build writes the integration package of a version below dst, once as the folder threatq-<version>
// and once as threatq-<version>.zip, which is what Kibana takes as an upload. What was there before
// is replaced. root is the root of the repository.
//
// The same sources give the same bytes.
func Build(root, dst, version string) error {
	files, err := contents(os.DirFS(root), version)
	if err != nil {
		return fmt.Errorf("building the integration package: %w", err)
	}
	folder := filepath.Join(dst, Name+"-"+version)
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("removing the former package: %w", err)
	}
	if err := generated.Write(folder, files); err != nil {
		return err
	}
	var archived []archive.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		archived = append(archived, archive.File{Name: name, Source: filepath.Join(folder, filepath.FromSlash(name)), Mode: 0o644})
	}
	return archive.Write(folder+".zip", filepath.Base(folder), archived, modified)
}

// contents returns all files of the package by their paths within it.
func contents(root fs.FS, version string) (map[string][]byte, error) {
	files, err := ownFiles(root)
	if err != nil {
		return nil, err
	}
	if files["changelog.yml"], err = changelog(files["changelog.yml"], version); err != nil {
		return nil, err
	}
	shared, err := sharedFiles(root)
	if err != nil {
		return nil, err
	}
	for name, content := range shared {
		if _, ok := files[name]; ok && name != dataStreamManifest {
			return nil, fmt.Errorf("%s is in %s, but it is made from what setup installs", name, own)
		}
		// The mapping is added to the manifest, which keeps the order of its variables.
		files[name] = append(files[name], content...)
	}
	values, err := newTemplateValues(root, version, files)
	if err != nil {
		return nil, err
	}
	for _, name := range templates {
		if files[name], err = generated.Execute(name, string(files[name]), nil, values); err != nil {
			return nil, fmt.Errorf("filling in %s: %w", path.Join(own, name), err)
		}
	}
	return files, nil
}

// ownFiles returns the files below _meta/fleet.
func ownFiles(root fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(root, own, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		files[strings.TrimPrefix(name, own+"/")] = content
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the package's own files: %w", err)
	}
	return files, nil
}

// templateValues are what the templates can show: the version, the table of the exported fields
// in Markdown, and the sample event.
type templateValues struct{ Version, Fields, Event string }

func newTemplateValues(root fs.FS, version string, files map[string][]byte) (v templateValues, err error) {
	page, err := fs.ReadFile(root, "docs/fields.md")
	if err != nil {
		return v, fmt.Errorf("reading the table of fields: %w", err)
	}
	_, rows, found := strings.Cut(string(page), "\n| Field |")
	event := strings.TrimSpace(string(files[dataStream+"/sample_event.json"]))
	if !found || event == "" {
		return v, fmt.Errorf("the README needs the table in docs/fields.md, and the sample event, which is %d bytes long", len(event))
	}
	return templateValues{version, "| Field |" + strings.TrimRight(rows, "\n"), event}, nil
}

var (
	semantic = regexp.MustCompile(`^(\d+\.\d+\.\d+)(-[0-9A-Za-z.-]+)?$`)
	entry    = regexp.MustCompile(`(?m)^- version: "?([^"\s]+)"?`)
)

// changelog returns the changelog with the version as its newest entry. A pre-release such as
// 1.2.3-SNAPSHOT takes the entry of its release.
func changelog(text []byte, version string) ([]byte, error) {
	parts := semantic.FindStringSubmatch(version)
	if parts == nil {
		return nil, fmt.Errorf("the version %q is none: it must be such as 1.2.3 or 1.2.3-SNAPSHOT", version)
	}
	newest := entry.FindSubmatchIndex(text)
	if newest == nil {
		return nil, fmt.Errorf("%s/changelog.yml has no entry", own)
	}
	found := string(text[newest[2]:newest[3]])
	if found != version && found != parts[1] {
		return nil, fmt.Errorf("%s/changelog.yml begins with version %s: write an entry for %s above it", own, found, parts[1])
	}
	return slices.Concat(text[:newest[2]], []byte(version), text[newest[3]:]), nil
}
