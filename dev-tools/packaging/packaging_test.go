// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/dev-tools/archive"
)

func TestParseTargets(t *testing.T) {
	all, err := ParseTargets(" ")
	require.NoError(t, err)
	assert.Equal(t, Targets(), all)

	some, err := ParseTargets("windows/amd64, linux/arm64")
	require.NoError(t, err)
	assert.Equal(t, []Target{{"windows", "amd64"}, {"linux", "arm64"}}, some)

	_, err = ParseTargets("linux/amd64,plan9/386")
	assert.ErrorContains(t, err, `no packages are made for platform "plan9/386", only for [linux/amd64`)
}

func TestFileNamesFollowBeats(t *testing.T) {
	names := func(t Target) []string {
		return []string{t.ArchiveFile("1.2.3"), t.DebFile("1.2.3"), t.RPMFile("1.2.3")}
	}
	assert.Equal(t, []string{
		"threatqbeat-1.2.3-linux-x86_64.tar.gz", "threatqbeat-1.2.3-amd64.deb", "threatqbeat-1.2.3-x86_64.rpm",
	}, names(Target{"linux", "amd64"}))
	assert.Equal(t, []string{
		"threatqbeat-1.2.3-linux-arm64.tar.gz", "threatqbeat-1.2.3-arm64.deb", "threatqbeat-1.2.3-aarch64.rpm",
	}, names(Target{"linux", "arm64"}))
	assert.Equal(t, "threatqbeat-1.2.3-darwin-x86_64.tar.gz", Target{"darwin", "amd64"}.ArchiveFile("1.2.3"))
	assert.Equal(t, "threatqbeat-1.2.3-darwin-aarch64.tar.gz", Target{"darwin", "arm64"}.ArchiveFile("1.2.3"))
	assert.Equal(t, "threatqbeat-1.2.3-windows-x86_64.zip", Target{"windows", "amd64"}.ArchiveFile("1.2.3"))
}

// TestDocumentsLinkToEachOther follows the links of the pages that the packages carry.
func TestDocumentsLinkToEachOther(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	documents, err := (&Source{Root: root}).documents()
	require.NoError(t, err)
	packaged := map[string]bool{}
	for _, f := range documents {
		for name := f.Name; name != "."; name = path.Dir(name) {
			packaged[name] = true
		}
	}
	for _, name := range []string{
		"README.md", "docs/getting-started.md", "docs/examples/role-setup.json", "docs/threatqbeat.schema.json", "docs/simulator.md",
		"deploy/docker-compose.yml", "threatqbeat.reference.yml", "fields.yml",
	} {
		assert.True(t, packaged[name], name)
	}
	links := regexp.MustCompile(`\]\(([^)#]+)`)
	for _, f := range documents {
		if path.Ext(f.Name) != ".md" {
			continue
		}
		text, err := os.ReadFile(f.Source)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "go run . ", f.Name)
		for _, link := range links.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(link[1], ":") {
				assert.True(t, packaged[path.Join(path.Dir(f.Name), link[1])], "%s links to %s", f.Name, link[1])
			}
		}
	}
}

// sourceTree makes a tree with just what OpenSource looks at.
func sourceTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "main.go"), "package main\n")
	return root
}

func write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

func TestOpenSourceWithoutGit(t *testing.T) {
	root := sourceTree(t)
	t.Setenv("COMMIT", "0123abc")
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	s, err := OpenSource(t.Context(), root)
	require.NoError(t, err)
	assert.Equal(t, &Source{Root: root, Version: config.Version, Commit: "0123abc", Time: time.Unix(1700000000, 0).UTC()}, s)

	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	_, err = OpenSource(t.Context(), root)
	assert.EqualError(t, err, `SOURCE_DATE_EPOCH is "yesterday", it must be a number of seconds since 1970`)
}

func TestOpenSourceFromGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	t.Setenv("COMMIT", "")
	t.Setenv("SOURCE_DATE_EPOCH", "")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_COMMITTER_DATE", "2026-01-02T03:04:05+01:00")
	root := sourceTree(t)
	git := func(args ...string) string {
		out, err := Command(t.Context(), root, nil, "git",
			append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
		require.NoError(t, err)
		return out
	}
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message", "first")

	s, err := OpenSource(t.Context(), root)
	require.NoError(t, err)
	assert.Equal(t, git("rev-parse", "HEAD"), s.Commit)
	assert.Equal(t, time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), s.Time)

	write(t, filepath.Join(root, "main.go"), "package main // changed\n")
	s, err = OpenSource(t.Context(), root)
	require.NoError(t, err)
	assert.Equal(t, git("rev-parse", "HEAD")+"-modified", s.Commit)
}

func TestDropImports(t *testing.T) {
	const source = "// Licence.\n\n//go:build linux\n\npackage instance\n\nimport (\n" +
		"\t\"used\"\n\t_ \"example.com/drop/a\" // why\n\t_ \"example.com/keep\"\n)\n\nvar _ = used.X\n"
	tests := map[string]struct {
		source string
		drop   []string
		want   string
		err    string
	}{
		"dropped": {
			source: source,
			drop:   []string{"example.com/drop/a"},
			want: "// Changed for threatqbeat: blank imports removed.\n\n" +
				strings.Replace(source, "\t_ \"example.com/drop/a\" // why\n", "", 1),
		},
		"not imported any more": {
			source: source,
			drop:   []string{"example.com/drop/a", "example.com/gone"},
			err:    "doesn't import example.com/gone any more: update the list in dev-tools/packaging/trim.go",
		},
		"not blank": {
			source: source,
			drop:   []string{"used"},
			err:    "uses used: it can't be dropped",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "imports.go")
			write(t, file, test.source)
			out := t.TempDir()
			replaced, err := dropImports(dir, test.drop, out)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, map[string]string{file: filepath.Join(out, "imports.go")}, replaced)
			got, err := os.ReadFile(replaced[file])
			require.NoError(t, err)
			assert.Equal(t, test.want, string(got))
		})
	}
}

func TestArchivesDependOnContentOnly(t *testing.T) {
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, name := range []string{"tar.gz", "zip"} {
		t.Run(name, func(t *testing.T) {
			var built [2][]byte
			for i := range built {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "a"), "content of a")
				write(t, filepath.Join(dir, "b"), "content of b")
				past := time.Unix(int64(1e9*i), 0)
				require.NoError(t, os.Chtimes(filepath.Join(dir, "a"), past, past))
				target := filepath.Join(dir, "archive."+name)
				require.NoError(t, archive.Write(target, "top", []archive.File{
					{Name: "a", Source: filepath.Join(dir, "a"), Mode: 0o644}, {Name: "b", Source: filepath.Join(dir, "b"), Mode: 0o755},
				}, modified))
				content, err := os.ReadFile(target)
				require.NoError(t, err)
				built[i] = content
			}
			assert.Equal(t, built[0], built[1])
			assert.Equal(t, []entry{
				{name: "top/a", mode: 0o644, owner: "root:root", size: 12, modified: modified},
				{name: "top/b", mode: 0o755, owner: "root:root", size: 12, modified: modified},
			}, readArchive(t, name, built[0]))
		})
	}
}

func TestFailedArchiveIsRemoved(t *testing.T) {
	target := filepath.Join(t.TempDir(), "archive.tar.gz")
	err := archive.Write(target, "top", []archive.File{{Name: "a", Source: filepath.Join(t.TempDir(), "missing"), Mode: 0o644}}, time.Now())
	require.ErrorContains(t, err, "adding a: ")
	assert.NoFileExists(t, target)
}

func TestSum(t *testing.T) {
	name := filepath.Join(t.TempDir(), "some.deb")
	write(t, name, "abc")
	target, err := writeSum(name)
	require.NoError(t, err)
	content, err := os.ReadFile(target)
	require.NoError(t, err)
	// The example of FIPS 180-2, appendix C.1.
	assert.Equal(t, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"+
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f  some.deb\n", string(content))
}

func TestCommandErrorCarriesWhatWasSaid(t *testing.T) {
	_, err := Command(t.Context(), t.TempDir(), nil, "go", "no-such-command")
	require.ErrorContains(t, err, "go no-such-command: exit status 2\n")
	assert.ErrorContains(t, err, "unknown command")
}

// entry is what a package says of one of its files.
type entry struct {
	name     string
	mode     os.FileMode
	owner    string // user:group
	size     int64
	modified time.Time
}

func readArchive(t *testing.T, format string, content []byte) []entry {
	t.Helper()
	if format == "zip" {
		return readZip(t, content)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	return readTar(t, unzipped)
}

func readTar(t *testing.T, from io.Reader) []entry {
	t.Helper()
	var entries []entry
	for archive := tar.NewReader(from); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		require.NoError(t, err)
		entries = append(entries, entry{
			name:     strings.TrimPrefix(header.Name, "./"),
			mode:     header.FileInfo().Mode(),
			owner:    header.Uname + ":" + header.Gname,
			size:     header.Size,
			modified: header.ModTime.UTC(),
		})
	}
}

// readZip gives entries the owner of those in a tar, because a zip knows none.
func readZip(t *testing.T, content []byte) []entry {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	var entries []entry
	for _, f := range archive.File {
		entries = append(entries, entry{
			name:     f.Name,
			mode:     f.Mode(),
			owner:    "root:root",
			size:     int64(f.UncompressedSize64),
			modified: f.Modified.UTC(),
		})
	}
	return entries
}

func TestLinkedModule(t *testing.T) {
	module, other, link := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "beats")
	// What stands there from before, a whole copy perhaps, goes.
	write(t, filepath.Join(link, "old.go"), "package old\n")
	for _, dir := range []string{module, other, other} {
		write(t, filepath.Join(dir, "a.go"), "package a // "+dir)
		require.NoError(t, linkTo(dir, link))
		assert.NoFileExists(t, filepath.Join(link, "old.go"))
		content, err := os.ReadFile(filepath.Join(link, "a.go"))
		require.NoError(t, err)
		assert.Equal(t, "package a // "+dir, string(content))
	}
}
