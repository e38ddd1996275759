// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	beatsModule = "github.com/elastic/beats/v7"

	// instancePackage is the package of Libbeat that every Beat imports and
	// that registers, by blank imports, what all of them may need.
	instancePackage = beatsModule + "/libbeat/cmd/instance"
)

// Dropped lists the packages that Libbeat registers in every Beat and that a
// ThreatQ shipper has no use for: autodiscover providers, and the processors
// that add what Docker, Kubernetes or the cloud know about a machine, which
// says nothing about an indicator. With them the binary is three times as
// large, because they bring the clients of Kubernetes and EC2.
//
// Libbeat has no switch for them, so [Source.Build] leaves these imports out of
// Libbeat's files. Nothing else differs. An entry that Libbeat no longer imports
// fails the build.
func Dropped() []string {
	return []string{
		beatsModule + "/libbeat/autodiscover/appenders/config",
		beatsModule + "/libbeat/autodiscover/providers/docker",
		beatsModule + "/libbeat/autodiscover/providers/jolokia",
		beatsModule + "/libbeat/autodiscover/providers/kubernetes",
		beatsModule + "/libbeat/processors/add_cloud_metadata",
		beatsModule + "/libbeat/processors/add_docker_metadata",
		beatsModule + "/libbeat/processors/add_kubernetes_metadata",
	}
}

// Trim returns the flags with which the go command builds against a Libbeat
// without the dropped imports. What they name lies under build/trim.
//
// The go command replaces no file in its module cache, but one that a replaced
// module has. So Libbeat is replaced by a link to itself, and the files below
// that link by their trimmed copies.
func (s *Source) Trim(ctx context.Context) ([]string, error) {
	dir, err := filepath.Abs(s.path("build/trim"))
	if err != nil {
		return nil, err
	}
	link, modfile, overlay := filepath.Join(dir, "beats"), filepath.Join(dir, "go.mod"), filepath.Join(dir, "overlay.json")
	module, err := Command(ctx, s.Root, nil, "go", "list", "-m", "-f", "{{.Dir}}", beatsModule)
	if err != nil {
		return nil, fmt.Errorf("finding Libbeat: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := linkTo(module, link); err != nil {
		return nil, fmt.Errorf("linking Libbeat: %w", err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := copyFile(s.path(name), filepath.Join(dir, name), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := Command(ctx, s.Root, nil, "go", "mod", "edit", "-replace="+beatsModule+"=./build/trim/beats", modfile); err != nil {
		return nil, fmt.Errorf("replacing Libbeat in %s: %w", modfile, err)
	}
	replaced, err := dropImports(filepath.Join(link, strings.TrimPrefix(instancePackage, beatsModule)), Dropped(), dir)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(map[string]any{"Replace": replaced}, "", "  ")
	if err != nil {
		return nil, err
	}
	return []string{"-modfile=" + modfile, "-overlay=" + overlay}, os.WriteFile(overlay, text, 0o644)
}

// linkTo makes link a link to dir, or a copy where links are not allowed, as on
// Windows.
func linkTo(dir, link string) error {
	if current, err := os.Readlink(link); err == nil && current == dir {
		return nil
	}
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	if os.Symlink(dir, link) == nil {
		return nil
	}
	return os.CopyFS(link, os.DirFS(dir))
}

// dropImports writes copies of the Go files in dir that have one of the imports,
// without it, into out, and returns the paths of the copies by those of the
// files. Each import must be there, and only blank.
func dropImports(dir string, imports []string, out string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	replaced := map[string]string{}
	missing := slices.Clone(imports)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the imports of %s: %w", file, err)
		}
		trimmed, dropped, err := dropImportLines(file, content, imports)
		if err != nil {
			return nil, err
		}
		if len(dropped) == 0 {
			continue
		}
		missing = slices.DeleteFunc(missing, func(path string) bool { return slices.Contains(dropped, path) })
		replaced[file] = filepath.Join(out, filepath.Base(file))
		if err := os.WriteFile(replaced[file], trimmed, 0o644); err != nil {
			return nil, err
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s doesn't import %s any more: update the list in dev-tools/packaging/trim.go",
			instancePackage, strings.Join(missing, ", "))
	}
	return replaced, nil
}

func dropImportLines(name string, content []byte, paths []string) (trimmed []byte, dropped []string, err error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, content, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the imports of %s: %w", name, err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !slices.Contains(paths, path) {
			continue
		}
		if spec.Name == nil || spec.Name.Name != "_" {
			return nil, nil, errors.New(name + " uses " + path + ": it can't be dropped")
		}
		lines[files.Position(spec.Pos()).Line-1] = ""
		dropped = append(dropped, path)
	}
	header := "// Changed for threatqbeat: blank imports removed.\n\n"
	return []byte(header + strings.Join(lines, "")), dropped, nil
}
