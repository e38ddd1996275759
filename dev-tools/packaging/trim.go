// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
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
// Libbeat has no switch for them, so [Source.Build] compiles against a copy of
// the same version of Libbeat in which these imports are left out. Nothing else
// differs. An entry that Libbeat no longer imports fails the build.
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

// trim writes the trimmed copy of Libbeat and a go.mod that replaces Libbeat by
// it, for use with -modfile. It returns that go.mod's path, relative to the
// source tree. Both lie under build/trim.
func (s *Source) trim(ctx context.Context) (string, error) {
	const modfile, copied = "build/trim/go.mod", "build/trim/beats"

	dirs, files, err := s.beatsFiles(ctx)
	if err != nil {
		return "", fmt.Errorf("listing the packages of Libbeat: %w", err)
	}
	module, err := command(ctx, s.Root, nil, "go", "list", "-m", "-f", "{{.Dir}}", beatsModule)
	if err != nil {
		return "", fmt.Errorf("finding Libbeat: %w", err)
	}
	files = append(files, filepath.Join(module, "go.mod"))
	for _, dir := range dirs {
		found, err := sourceFiles(dir)
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	if err := copyTrimmed(module, files, filepath.Join(s.Root, filepath.FromSlash(copied))); err != nil {
		return "", err
	}

	for _, name := range []string{"go.mod", "go.sum"} {
		if err := copyFile(filepath.Join(s.Root, name), filepath.Join(s.Root, "build", "trim", name), 0o644); err != nil {
			return "", fmt.Errorf("copying %s: %w", name, err)
		}
	}
	replace := fmt.Sprintf("-replace=%s=./%s", beatsModule, copied)
	if _, err := command(ctx, s.Root, nil, "go", "mod", "edit", replace, modfile); err != nil {
		return "", fmt.Errorf("replacing Libbeat in %s: %w", modfile, err)
	}
	return modfile, nil
}

// copyTrimmed copies files of the module to target and drops imports there. A copy
// that is complete and current stays, for another build may be reading it.
func copyTrimmed(module string, files []string, target string) error {
	stamp := target + ".stamp"
	key := strings.Join(slices.Concat([]string{module}, Dropped(), files), "\n")
	if current, err := os.ReadFile(stamp); err == nil && string(current) == key {
		return nil
	}
	if err := errors.Join(os.RemoveAll(stamp), os.RemoveAll(target)); err != nil {
		return fmt.Errorf("removing the last trimmed copy: %w", err)
	}
	for _, file := range files {
		relative, err := filepath.Rel(module, file)
		if err != nil {
			return fmt.Errorf("copying Libbeat: %w", err)
		}
		if err := copyFile(file, filepath.Join(target, relative), 0o644); err != nil {
			return fmt.Errorf("copying Libbeat: %w", err)
		}
	}
	instance := filepath.Join(target, strings.TrimPrefix(instancePackage, beatsModule))
	if err := dropImports(instance, Dropped()); err != nil {
		return err
	}
	if err := os.WriteFile(stamp, []byte(key), 0o644); err != nil {
		return fmt.Errorf("finishing the trimmed copy: %w", err)
	}
	return nil
}

// beatsFiles returns the directories of the packages of Libbeat that the binary
// imports on any platform, and the files that they embed.
func (s *Source) beatsFiles(ctx context.Context) (dirs, embedded []string, err error) {
	const format = `{{if .Module}}{{if eq .Module.Path "` + beatsModule + `"}}` +
		`D{{.Dir}}{{"\n"}}{{$dir := .Dir}}{{range .EmbedFiles}}F{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`
	for _, t := range Targets() {
		out, err := command(ctx, s.Root, t.env(), "go", "list", "-deps", "-f", format, ".")
		if err != nil {
			return nil, nil, err
		}
		for line := range strings.FieldsSeq(out) {
			if line[0] == 'D' {
				dirs = append(dirs, line[1:])
			} else {
				embedded = append(embedded, line[1:])
			}
		}
	}
	slices.Sort(dirs)
	slices.Sort(embedded)
	return slices.Compact(dirs), slices.Compact(embedded), nil
}

// sourceFiles lists the regular files of one package, tests left out.
func sourceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	var files []string
	for _, entry := range entries {
		switch filepath.Ext(entry.Name()) {
		case ".go", ".s", ".h", ".c", ".syso":
			if entry.Type().IsRegular() && !strings.HasSuffix(entry.Name(), "_test.go") {
				files = append(files, filepath.Join(dir, entry.Name()))
			}
		}
	}
	return files, nil
}

// dropImports removes imports from the Go files in dir and says so at the top
// of each file that it changes. Each path must be imported, and only blank.
func dropImports(dir string, paths []string) error {
	files, err := sourceFiles(dir)
	if err != nil {
		return err
	}
	missing := slices.Clone(paths)
	for _, file := range files {
		if filepath.Ext(file) != ".go" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the imports of %s: %w", file, err)
		}
		trimmed, dropped, err := dropImportLines(file, content, paths)
		if err != nil {
			return err
		}
		if len(dropped) == 0 {
			continue
		}
		missing = slices.DeleteFunc(missing, func(path string) bool { return slices.Contains(dropped, path) })
		if err := os.WriteFile(file, trimmed, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s doesn't import %s any more: update the list in dev-tools/packaging/trim.go",
			instancePackage, strings.Join(missing, ", "))
	}
	return nil
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
