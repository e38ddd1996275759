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
)

// linuxPackages builds a deb and an rpm from the description in
// dev-tools/packaging/linux/nfpm.yml and returns their paths.
func (s *Source) linuxPackages(ctx context.Context, t Target, binary, dist string) ([]string, error) {
	stage := filepath.Join(s.Root, "build", "stage", t.OS+"-"+t.Arch)
	if err := s.stage(ctx, stage, binary); err != nil {
		return nil, fmt.Errorf("staging the files of the %s packages: %w", t, err)
	}
	nfpm, err := s.tool(ctx, "nfpm")
	if err != nil {
		return nil, err
	}
	env := []string{
		"STAGE=" + stage,
		"VERSION=" + s.Version,
		"PACKAGE_ARCH=" + t.Arch,
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(s.Time.Unix(), 10),
	}
	config := filepath.Join("dev-tools", "packaging", "linux", "nfpm.yml")
	var built []string
	for format, name := range map[string]string{"deb": t.DebFile(s.Version), "rpm": t.RPMFile(s.Version)} {
		target := filepath.Join(dist, name)
		if _, err := Command(ctx, s.Root, env, nfpm, "package", "--config", config, "--packager", format, "--target", target); err != nil {
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
	files := []file{
		{"threatqbeat", binary, 0o755},
		{"threatqbeat.spec.yml", s.path("threatqbeat.spec.yml"), 0o644},
		{"threatqbeat.yml", s.path("threatqbeat.yml"), 0o600},
		{"threatqbeat.service", s.path("dev-tools/packaging/linux/threatqbeat.service"), 0o644},
		{"threatqbeat.sh", s.path("dev-tools/packaging/linux/threatqbeat.sh"), 0o644},
		{"doc/copyright", s.path("LICENSE"), 0o644},
	}
	documents, err := s.documents()
	if err != nil {
		return err
	}
	for _, f := range documents {
		files = append(files, file{"doc/" + f.name, f.source, f.mode})
	}
	for _, f := range files {
		if err := copyFile(f.source, filepath.Join(stage, filepath.FromSlash(f.name)), f.mode); err != nil {
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

// tool builds one of the tools that dev-tools/tools/go.mod pins and returns its
// path.
func (s *Source) tool(ctx context.Context, name string) (string, error) {
	bin := filepath.Join(s.Root, "build", "bin")
	env := []string{"GOBIN=" + bin, "GOOS=", "GOARCH=", "GOFLAGS="}
	if _, err := Command(ctx, s.Root, env, "go", "install", "-C", filepath.Join("dev-tools", "tools"), "tool"); err != nil {
		return "", fmt.Errorf("building the tools of dev-tools/tools: %w", err)
	}
	return filepath.Join(bin, name), nil
}
