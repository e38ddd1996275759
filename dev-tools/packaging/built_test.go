// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var packagesDir = flag.String("packages", "", "check the packages in this directory, as `mage package` built them")

// built is a directory of packages and the tree that they were built from.
type built struct {
	*Source
	dist string
}

func openBuilt(t *testing.T) built {
	t.Helper()
	if *packagesDir == "" {
		t.Skip("checks built packages: run `mage package`, then this with -packages build/distributions")
	}
	dist, err := filepath.Abs(*packagesDir)
	require.NoError(t, err)
	s, err := OpenSource(t.Context(), filepath.Join("..", ".."))
	require.NoError(t, err)
	return built{s, dist}
}

// each runs check for every one of targets whose package is there; at least one
// must be.
func (b built) each(t *testing.T, targets []Target, name func(Target) string, check func(*testing.T, Target, []byte)) {
	t.Helper()
	found := 0
	for _, target := range targets {
		content, err := os.ReadFile(filepath.Join(b.dist, name(target)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		found++
		t.Run(name(target), func(t *testing.T) { check(t, target, content) })
	}
	assert.NotZero(t, found, "no such package in %s", b.dist)
}

func linuxTargets() []Target {
	return slices.DeleteFunc(Targets(), func(t Target) bool { return t.OS != "linux" })
}

func TestBuiltSums(t *testing.T) {
	b := openBuilt(t)
	entries, err := os.ReadDir(b.dist)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), sumSuffix) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(b.dist, e.Name()))
		require.NoError(t, err)
		line, err := os.ReadFile(filepath.Join(b.dist, e.Name()+sumSuffix))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("%x  %s\n", sha512.Sum512(content), e.Name()), string(line))
	}
}

func TestBuiltArchives(t *testing.T) {
	b := openBuilt(t)
	file := func(target Target) string { return target.ArchiveFile(b.Version) }
	b.each(t, Targets(), file, func(t *testing.T, target Target, content []byte) {
		format := "tar.gz"
		if target.OS == "windows" {
			format = "zip"
		}
		modes := map[string]os.FileMode{
			"LICENSE.txt": 0o644, target.Binary(): 0o755, "threatqbeat.spec.yml": 0o644, "threatqbeat.yml": 0o600,
		}
		documents, err := b.documents()
		require.NoError(t, err)
		for _, f := range documents {
			modes[f.Name] = 0o644
		}
		entries := readArchive(t, format, content)
		assert.Len(t, entries, len(modes))
		for _, e := range entries {
			name, inside := strings.CutPrefix(e.name, target.ArchiveName(b.Version)+"/")
			require.True(t, inside, e.name)
			assert.Contains(t, modes, name)
			assert.Equal(t, modes[name], e.mode, name)
			assert.Equal(t, "root:root", e.owner, name)
			assert.NotZero(t, e.size, name)
			assert.Equal(t, b.Time, e.modified, name)
		}
	})
}

// linuxPaths are the paths of the deb and rpm that matter: mode and owner, as
// the packages carry them. A deb's group is set after its user was created.
func (b built) linuxPaths(t *testing.T, group, zsh string) map[string]string {
	t.Helper()
	paths := map[string]string{
		"etc/threatqbeat":                                      "drwxr-x--- root:" + group,
		"etc/threatqbeat/inputs.d":                             "drwxr-x--- root:" + group,
		"etc/threatqbeat/threatqbeat.yml":                      "-rw-r----- root:" + group,
		"usr/bin/threatqbeat":                                  "-rwxr-xr-x root:root",
		"usr/lib/systemd/system/threatqbeat.service":           "-rw-r--r-- root:root",
		"usr/share/bash-completion/completions/threatqbeat":    "-rw-r--r-- root:root",
		"usr/share/doc/threatqbeat/copyright":                  "-rw-r--r-- root:root",
		"usr/share/fish/vendor_completions.d/threatqbeat.fish": "-rw-r--r-- root:root",
		"usr/share/man/man1/threatqbeat.1.gz":                  "-rw-r--r-- root:root",
		"usr/share/threatqbeat":                                "drwxr-xr-x root:root",
		"usr/share/threatqbeat/bin":                            "drwxr-xr-x root:root",
		"usr/share/threatqbeat/bin/threatqbeat":                "-rwxr-xr-x root:root",
		"usr/share/threatqbeat/bin/threatqbeat.spec.yml":       "-rw-r--r-- root:root",
		"usr/share/zsh/" + zsh + "/_threatqbeat":               "-rw-r--r-- root:root",
	}
	documents, err := b.documents()
	require.NoError(t, err)
	for _, f := range documents {
		paths["usr/share/doc/threatqbeat/"+f.Name] = "-rw-r--r-- root:root"
	}
	return paths
}

func asMap(entries []entry) map[string]string {
	paths := map[string]string{}
	for _, e := range entries {
		paths[strings.Trim(e.name, "/")] = e.mode.String() + " " + e.owner
	}
	return paths
}

func TestBuiltDeb(t *testing.T) {
	b := openBuilt(t)
	file := func(target Target) string { return target.DebFile(b.Version) }
	b.each(t, linuxTargets(), file, func(t *testing.T, target Target, content []byte) {
		members := readAr(t, content)
		assert.Equal(t, "2.0\n", string(members["debian-binary"]))

		control := readTarFiles(t, members["control.tar.gz"])
		for _, line := range []string{
			"Package: threatqbeat\n", "Version: " + b.Version + "\n", "Architecture: " + target.Arch + "\n",
			"Depends: passwd\n", "Section: net\n",
		} {
			assert.Contains(t, string(control["control"]), line)
		}
		assert.Equal(t, "/etc/threatqbeat/threatqbeat.yml\n", string(control["conffiles"]))
		for _, script := range []string{"postinst", "prerm", "postrm"} {
			source, err := os.ReadFile(filepath.Join("linux", "deb-"+script+".sh"))
			require.NoError(t, err)
			assert.Equal(t, string(source), string(control[script]))
		}

		entries := readArchive(t, "tar.gz", members["data.tar.gz"])
		paths := asMap(entries)
		want := b.linuxPaths(t, "root", "vendor-completions")
		want["var/lib/threatqbeat"] = "drwxr-x--- root:root"
		want["var/log/threatqbeat"] = "drwxr-x--- root:root"
		assert.Subset(t, paths, want)
		for _, e := range entries {
			assert.Equal(t, b.Time, e.modified, e.name)
			if _, wanted := want[strings.Trim(e.name, "/")]; !wanted {
				assert.True(t, e.mode.IsDir(), "unexpected file %s", e.name)
			}
		}
	})
}

func TestBuiltRPM(t *testing.T) {
	b := openBuilt(t)
	file := func(target Target) string { return target.RPMFile(b.Version) }
	b.each(t, linuxTargets(), file, func(t *testing.T, target Target, content []byte) {
		header := readRPM(t, content)
		assert.Equal(t, "threatqbeat", header.text(rpmName))
		assert.Equal(t, b.Version, header.text(rpmVersion))
		assert.Equal(t, map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[target.Arch], header.text(rpmArch))
		assert.Equal(t, "localhost", header.text(rpmBuildHost))
		assert.Equal(t, []uint32{uint32(b.Time.Unix())}, header.numbers(rpmBuildTime))
		for tag, script := range map[int]string{
			rpmPreIn: "rpm-pre.sh", rpmPostIn: "rpm-post.sh", rpmPreUn: "rpm-preun.sh", rpmPostUn: "rpm-postun.sh",
		} {
			source, err := os.ReadFile(filepath.Join("linux", script))
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSpace(string(source)), strings.TrimSpace(header.text(tag)), script)
		}

		want := b.linuxPaths(t, "threatqbeat", "site-functions")
		want["var/lib/threatqbeat"] = "drwxr-x--- threatqbeat:threatqbeat"
		want["var/log/threatqbeat"] = "drwxr-x--- threatqbeat:threatqbeat"
		files := header.files(t)
		got := asMap(files)
		for name := range got {
			if _, wanted := want[name]; !wanted && strings.HasPrefix(name, "usr/share/doc/threatqbeat") {
				assert.Equal(t, "drwxr-xr-x root:root", got[name], name)
				delete(got, name)
			}
		}
		assert.Equal(t, want, got)

		flags := header.numbers(rpmFileFlags)
		for i, f := range files {
			kept := flags[i]&(rpmFlagConfig|rpmFlagNoReplace) != 0
			assert.Equal(t, f.name == "/etc/threatqbeat/threatqbeat.yml", kept, f.name)
		}
	})
}

func TestBuiltBinaries(t *testing.T) {
	b := openBuilt(t)
	file := func(target Target) string { return target.ArchiveFile(b.Version) }
	b.each(t, Targets(), file, func(t *testing.T, target Target, _ []byte) {
		binary := filepath.Join(b.Root, "build", "bin", target.OS+"-"+target.Arch, target.Binary())
		content, err := os.ReadFile(binary)
		require.NoError(t, err)

		info, err := buildinfo.ReadFile(binary)
		require.NoError(t, err)
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		assert.Equal(t, "0", settings["CGO_ENABLED"])
		assert.Equal(t, target.OS, settings["GOOS"])
		assert.Equal(t, target.Arch, settings["GOARCH"])
		for _, module := range []string{"k8s.io/client-go", "github.com/docker/docker", "github.com/aws/aws-sdk-go-v2/service/ec2"} {
			for _, dep := range info.Deps {
				assert.NotEqual(t, module, dep.Path, "a part of Libbeat that was to be dropped is linked in")
			}
		}

		assert.Contains(t, string(content), b.Commit)
		assert.Contains(t, string(content), b.Time.Format(time.RFC3339))
		assert.False(t, bytes.Contains(content, []byte(b.Root)), "the binary names the directory it was built in")
		if target.OS == "linux" {
			checkELF(t, binary)
		}
	})
}

// checkELF checks that a binary is static and stripped.
func checkELF(t *testing.T, name string) {
	t.Helper()
	binary, err := elf.Open(name)
	require.NoError(t, err)
	defer binary.Close()
	assert.Nil(t, binary.Section(".symtab"), "not stripped")
	assert.Nil(t, binary.Section(".debug_info"), "not stripped")
	for _, program := range binary.Progs {
		assert.NotEqual(t, elf.PT_INTERP, program.Type, "not static")
	}
}

// TestBuiltArchiveRuns unpacks the archive for this machine and runs it as a
// user would.
func TestBuiltArchiveRuns(t *testing.T) {
	b := openBuilt(t)
	host := Target{runtime.GOOS, runtime.GOARCH}
	archive := filepath.Join(b.dist, host.ArchiveFile(b.Version))
	content, err := os.ReadFile(archive)
	if errors.Is(err, os.ErrNotExist) || host.OS == "windows" {
		t.Skipf("no tar.gz for %s to run here", host)
	}
	require.NoError(t, err)
	home := filepath.Join(t.TempDir(), host.ArchiveName(b.Version))
	for name, file := range readTarFiles(t, content) {
		target := filepath.Join(filepath.Dir(home), name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, file, 0o700))
	}
	require.NoError(t, os.Chmod(filepath.Join(home, "threatqbeat.yml"), 0o600))

	threatqbeat := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), filepath.Join(home, host.Binary()), args...)
		cmd.Dir = home
		cmd.Env = append(os.Environ(),
			"THREATQ_URL=https://threatq.example.com", "THREATQ_DATA_COLLECTION_ID=0123456789abcdef",
			"THREATQ_CLIENT_ID=id", "THREATQ_CLIENT_SECRET=secret", "ELASTICSEARCH_API_KEY=id:key")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
		return string(out)
	}
	version := threatqbeat("version")
	assert.Contains(t, version, fmt.Sprintf("threatqbeat version %s (%s)", b.Version, host.Arch))
	assert.Contains(t, version, b.Commit+" built "+b.Time.Format("2006-01-02 15:04:05"))
	assert.Contains(t, threatqbeat("test", "config"), "Config OK")
	assert.Contains(t, threatqbeat("demo"), "One sweep later the file agrees with the appliance.")

	// What deploy/ has for containers is accepted too.
	docs := documents(t, readFile(t, "deploy", "kubernetes", "threatqbeat.yml"))
	write(t, filepath.Join(home, "kubernetes.yml"), kubernetesConfig(t, docs))
	write(t, filepath.Join(home, "compose.yml"), readFile(t, "deploy", "threatqbeat.compose.yml"))
	for _, config := range []string{"kubernetes.yml", "compose.yml"} {
		assert.Contains(t, threatqbeat("test", "config", "-c", config), "Config OK")
	}
}

// readAr reads the members of an ar archive.
func readAr(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	const magic, headerSize = "!<arch>\n", 60
	require.True(t, bytes.HasPrefix(content, []byte(magic)))
	members := map[string][]byte{}
	for rest := content[len(magic):]; len(rest) > headerSize; {
		header := string(rest[:headerSize])
		var size int
		_, err := fmt.Sscan(header[48:58], &size)
		require.NoError(t, err)
		name := strings.TrimRight(strings.TrimSpace(header[:16]), "/")
		members[name] = rest[headerSize : headerSize+size]
		rest = rest[headerSize+size+size%2:]
	}
	return members
}

func readTarFiles(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	files := map[string][]byte{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		if header.Typeflag == tar.TypeReg {
			file, err := io.ReadAll(archive)
			require.NoError(t, err)
			files[strings.TrimPrefix(header.Name, "./")] = file
		}
	}
}
