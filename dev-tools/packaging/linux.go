// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/threatqbeat/threatqbeat/dev-tools/archive"
)

// linuxPackages builds a deb and an rpm from the description in
// dev-tools/packaging/linux/nfpm.yml and returns their paths.
func (s *Source) linuxPackages(ctx context.Context, t Target, binary, dist string) ([]string, error) {
	stage := filepath.Join(s.Root, "build", "stage", t.OS+"-"+t.Arch)
	if err := s.stage(ctx, stage, binary); err != nil {
		return nil, fmt.Errorf("staging the files of the %s packages: %w", t, err)
	}
	env := []string{
		"GOOS=", "GOARCH=", "GOFLAGS=",
		"STAGE=" + stage,
		"VERSION=" + s.Version,
		"PACKAGE_ARCH=" + t.Arch,
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(s.Time.Unix(), 10),
	}
	config := filepath.Join("dev-tools", "packaging", "linux", "nfpm.yml")
	var built []string
	for format, name := range map[string]string{"deb": t.DebFile(s.Version), "rpm": t.RPMFile(s.Version)} {
		target := filepath.Join(dist, name)
		if _, err := Command(ctx, s.Root, env, "go", "tool", "-modfile=dev-tools/tools/go.mod", "nfpm",
			"package", "--config", config, "--packager", format, "--target", target); err != nil {
			return nil, fmt.Errorf("building %s: %w", name, err)
		}
		built = append(built, target)
	}
	return built, nil
}

// stage copies what the Linux packages hold into one directory. Times are set
// to the commit's, because nfpm passes them on.
func (s *Source) stage(ctx context.Context, stage, binary string) error {
	if err := os.RemoveAll(stage); err != nil {
		return err
	}
	files := []archive.File{
		{Name: "threatqbeat", Source: binary, Mode: 0o755},
		{Name: "threatqbeat.spec.yml", Source: s.path("threatqbeat.spec.yml"), Mode: 0o644},
		{Name: "threatqbeat.yml", Source: s.path("threatqbeat.yml"), Mode: 0o600},
		{Name: "threatqbeat.service", Source: s.path("dev-tools/packaging/linux/threatqbeat.service"), Mode: 0o644},
		{Name: "threatqbeat.sh", Source: s.path("dev-tools/packaging/linux/threatqbeat.sh"), Mode: 0o644},
		{Name: "doc/copyright", Source: s.path("LICENSE"), Mode: 0o644},
	}
	documents, err := s.documents()
	if err != nil {
		return err
	}
	for _, f := range documents {
		files = append(files, archive.File{Name: "doc/" + f.Name, Source: f.Source, Mode: f.Mode})
	}
	for _, f := range files {
		if err := copyFile(f.Source, filepath.Join(stage, filepath.FromSlash(f.Name)), f.Mode); err != nil {
			return err
		}
	}
	if _, err := Command(ctx, s.Root, []string{"GOOS=", "GOARCH="}, "go", "run", "./dev-tools/packaging/manual",
		"-o", stage, "-date", s.Time.Format(time.DateOnly)); err != nil {
		return fmt.Errorf("making the man page and the completions: %w", err)
	}
	return filepath.WalkDir(stage, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, s.Time, s.Time)
	})
}
