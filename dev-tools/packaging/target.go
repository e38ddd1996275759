// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"fmt"
	"slices"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
)

// Target is a platform that threatqbeat is built for.
type Target struct {
	OS   string // as in GOOS
	Arch string // as in GOARCH
}

// Targets lists every platform that has packages.
func Targets() []Target {
	return []Target{
		{"linux", "amd64"},
		{"linux", "arm64"},
		{"darwin", "amd64"},
		{"darwin", "arm64"},
		{"windows", "amd64"},
	}
}

// ParseTargets reads a list such as "linux/amd64,windows/amd64". An empty list
// means all of [Targets].
func ParseTargets(list string) ([]Target, error) {
	if strings.TrimSpace(list) == "" {
		return Targets(), nil
	}
	var found []Target
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		i := slices.IndexFunc(Targets(), func(t Target) bool { return t.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("no packages are made for platform %q, only for %v", name, Targets())
		}
		found = append(found, Targets()[i])
	}
	return found, nil
}

// String returns the platform as "os/arch".
func (t Target) String() string { return t.OS + "/" + t.Arch }

// Binary returns the name of the executable.
func (t Target) Binary() string {
	if t.OS == "windows" {
		return config.Name + ".exe"
	}
	return config.Name
}

// machines are the names that architectures have in rpm packages and, but for arm64
// on Linux, in archives.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// ArchiveName returns the name of the tar.gz or zip, without its ending. It is
// also the directory that the archive unpacks to.
func (t Target) ArchiveName(version string) string {
	arch := machines[t.Arch]
	if t.String() == "linux/arm64" {
		arch = t.Arch
	}
	return fmt.Sprintf("%s-%s-%s-%s", config.Name, version, t.OS, arch)
}

// ArchiveFile returns the file name of the tar.gz or zip.
func (t Target) ArchiveFile(version string) string {
	if t.OS == "windows" {
		return t.ArchiveName(version) + ".zip"
	}
	return t.ArchiveName(version) + ".tar.gz"
}

// DebFile returns the file name of the Debian package.
func (t Target) DebFile(version string) string {
	return fmt.Sprintf("%s-%s-%s.deb", config.Name, version, t.Arch)
}

// RPMFile returns the file name of the RPM package.
func (t Target) RPMFile(version string) string {
	return fmt.Sprintf("%s-%s-%s.rpm", config.Name, version, machines[t.Arch])
}
