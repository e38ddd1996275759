// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/threatqbeat/threatqbeat/dev-tools/packaging"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// fields is the fields parameter of every request.
const fields = "*,sources,attributes,attributes.name,attributes.value"

// program is a process to measure. A floor ends by itself and prints the
// nanoseconds that its work took; the others run until they are stopped.
type program struct {
	name   string
	binary string
	args   []string
	config func(url string, indicators int) string
	floor  bool
	wanted wanted
}

// wanted is what threatqbeat's figures shall be beside those of another program.
type wanted struct{ cpu, shipping, speed, peak, plainPeak string }

// build builds what is compared as the packages are built, because that is what
// users run, and in plain what `go build` makes of the sources, without cgo as all the
// others. Filebeat is only run. The binaries are copied into dir.
func build(ctx context.Context, dir string) (programs []program, plain program, err error) {
	source, err := packaging.OpenSource(ctx, ".")
	if err != nil {
		return nil, plain, err
	}
	target := packaging.Target{OS: runtime.GOOS, Arch: runtime.GOARCH}
	binary, err := source.Build(ctx, target, ".")
	if err != nil {
		return nil, plain, err
	}
	floor, err := source.Build(ctx, target, "./dev-tools/bench/floor")
	if err != nil {
		return nil, plain, err
	}
	unpackaged := filepath.Join(dir, "unpackaged")
	if _, err := packaging.Command(ctx, source.Root, []string{"CGO_ENABLED=0"}, "go", "build", "-o", unpackaged, "."); err != nil {
		return nil, plain, fmt.Errorf("building threatqbeat: %w", err)
	}
	run := []string{"run"}
	plain = program{name: "threatqbeat of go build", binary: unpackaged, args: run, config: beatConfig}
	programs = []program{
		{name: "threatqbeat", binary: binary, args: run, config: beatConfig},
		{name: "Libbeat's floor", binary: floor, args: run, floor: true, config: func(_ string, n int) string {
			return fmt.Sprintf("floor.events: %d\n", n)
		}},
		{name: "floor, not normalised", binary: floor, args: run, floor: true, config: func(_ string, n int) string {
			return fmt.Sprintf("floor: {events: %d, normalize: false}\n", n)
		}},
	}
	for _, other := range []program{
		{
			name: "Filebeat", binary: os.Getenv("FILEBEAT_BIN"), args: run, config: filebeatConfig,
			wanted: wanted{"at most 0.14", "at most 0.3", "at least 6", "at most 0.42", "at most 0.55"},
		},
		{name: "threatqbeat before", binary: os.Getenv("BEFORE_BIN"), args: run, config: beatConfig},
	} {
		if other.binary != "" {
			programs = append(programs, other)
		}
	}
	for n := range programs {
		if err := programs[n].install(dir); err != nil {
			return nil, plain, err
		}
	}
	return programs, plain, plain.install(dir)
}

// install copies the binary in pieces, as cp, tar and package managers do. Of a file that was
// written in large ones, as the linker writes it, the kernel maps more than is used, until it
// is read from the disk again: 69 MB of the binary of go build instead of 50 MB.
func (p *program) install(dir string) error {
	from, err := os.Open(p.binary)
	if err != nil {
		return fmt.Errorf("opening the binary of %s: %w", p.name, err)
	}
	defer from.Close()
	p.binary = filepath.Join(dir, strings.ReplaceAll(p.name, " ", "-"))
	to, err := os.OpenFile(p.binary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return fmt.Errorf("installing %s: %w", p.name, err)
	}
	// Only through their interfaces are the files not copied at once.
	_, err = io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	if err = errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("installing %s: %w", p.name, err)
	}
	return nil
}

const (
	// discard is the output that does nothing.
	discard = `
output.discard.enabled: true
`
	// quiet is what every program is configured with beside its defaults: no log.
	quiet = `
logging: {level: error, to_stderr: true, to_files: false, metrics.enabled: false}
`
)

func beatConfig(url string, _ int) string {
	return fmt.Sprintf(`
threatqbeat.inputs:
  - {type: threatq, id: bench, url: %q, data_collection_id: %q, page_size: %d, auth.oauth2.client: {id: %q, secret: %q}}
`, url, simulator.DefaultDataCollectionID, pageSize, simulator.DefaultClientID, simulator.DefaultClientSecret)
}

// filebeatConfig is a plain httpjson input that follows the cursor and publishes
// each indicator as it is.
func filebeatConfig(url string, _ int) string {
	return fmt.Sprintf(`
filebeat.inputs:
  - type: httpjson
    id: bench
    interval: 1m
    config_version: 2
    auth.oauth2: {client.id: %[2]q, client.secret: %[3]q, token_url: "%[1]s/api/token"}
    request.url: "%[1]s/api/indicators/query/hash/%[4]s"
    request.transforms:
      - set: {target: url.params.sort, value: updated_at}
      - set: {target: url.params.limit, value: "%[5]d"}
      - set: {target: url.params.fields, value: %[6]q}
      - set: {target: url.params.cursorMark, value: "[[.cursor.mark]]", default: "*"}
    response.split: {target: body.data, ignore_empty_value: true}
    response.pagination:
      - set:
          target: url.params.cursorMark
          fail_on_template_error: true
          value: "[[if ne (len .last_response.body.data) 0]][[.last_response.body.nextCursorMark]][[end]]"
    cursor.mark.value: "[[.last_response.body.nextCursorMark]]"
    tags: [forwarded]
`, url, simulator.DefaultClientID, simulator.DefaultClientSecret, simulator.DefaultDataCollectionID, pageSize, fields)
}
