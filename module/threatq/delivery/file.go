// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/outputs/codec"
	_ "github.com/elastic/beats/v7/libbeat/outputs/codec/json" // the default
	"github.com/elastic/beats/v7/libbeat/outputs/fileout"
	"github.com/elastic/beats/v7/libbeat/publisher"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/file"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

// fileSettings are those of Libbeat's file output, with its defaults.
type fileSettings struct {
	Path            *fileout.PathFormatString `config:"path"`
	Filename        string                    `config:"filename"`
	RotateEveryKb   uint                      `config:"rotate_every_kb" validate:"min=1"`
	NumberOfFiles   uint                      `config:"number_of_files" validate:"min=2,max=1024"`
	Codec           codec.Config              `config:"codec"`
	Permissions     uint32                    `config:"permissions"`
	RotateOnStartup bool                      `config:"rotate_on_startup"`
	Queue           conf.Namespace            `config:"queue"`
}

// fileOutput writes events to files, as Libbeat's output does. Libbeat's acknowledges
// what it could not write; this one writes it again until it succeeds.
type fileOutput struct {
	log      *logp.Logger
	observer outputs.Observer
	beat     string
	name     string
	limit    int // of a line, in bytes
	rotator  *file.Rotator
	codec    codec.Codec

	buffer []byte
	broken bool // a line was cut short by a failure
	pause  *holding
}

// insteadOfFile returns the factory of the output file.
func insteadOfFile(outputs.Factory) outputs.Factory {
	return func(_ outputs.IndexManager, info beat.Info, observer outputs.Observer, cfg *conf.C) (outputs.Group, error) {
		settings := fileSettings{Path: &fileout.PathFormatString{}, NumberOfFiles: 7, RotateEveryKb: 10 * 1024, Permissions: 0o600, RotateOnStartup: true}
		if err := cfg.Unpack(&settings); err != nil {
			return outputs.Fail(err)
		}
		dir, err := settings.Path.Run(time.Now().UTC())
		if err != nil {
			return outputs.Fail(fmt.Errorf("output.file.path: %w", err))
		}
		if settings.Filename == "" {
			settings.Filename = info.Beat
		}
		if err := config.CheckPath("output.file", filepath.Join(dir, settings.Filename)); err != nil {
			return outputs.Fail(err)
		}
		log := info.Logger.Named("file")
		f := &fileOutput{
			log: log, observer: observer, beat: info.Beat,
			name: filepath.Join(dir, settings.Filename), limit: int(settings.RotateEveryKb) * 1024,
			pause: newHolding(log, time.Second, time.Minute),
		}
		f.rotator, err = file.NewFileRotator(f.name,
			file.MaxSizeBytes(settings.RotateEveryKb*1024),
			file.MaxBackups(settings.NumberOfFiles),
			file.Permissions(os.FileMode(settings.Permissions)),
			file.RotateOnStartup(settings.RotateOnStartup),
			file.WithLogger(info.Logger.Named("rotator").With(logp.Namespace("rotator"))))
		if err != nil {
			return outputs.Fail(fmt.Errorf("output.file: %w", err))
		}
		if f.codec, err = codec.CreateEncoder(info, settings.Codec); err != nil {
			return outputs.Fail(fmt.Errorf("output.file.codec: %w", err))
		}
		f.log.Infof("Initialized file output. path=%v max_size_bytes=%v max_backups=%v permissions=%v",
			f.name, f.limit, settings.NumberOfFiles, os.FileMode(settings.Permissions))
		return outputs.Success(settings.Queue, -1, 0, nil, info.Logger, f)
	}
}

// Publish writes a batch. What can't be written is sent again after a pause. An error
// would end the output for good, so there is none.
func (f *fileOutput) Publish(_ context.Context, batch publisher.Batch) error {
	events := batch.Events()
	f.observer.NewBatch(len(events))
	for i := range events {
		line, why := f.encode(&events[i].Content)
		if why != "" {
			f.observer.PermanentErrors(1)
			Refuse(f.log, events[i:i+1], why)
			continue
		}
		if err := f.write(line); err != nil {
			f.observer.WriteError(err)
			f.observer.RetryableErrors(len(events) - i)
			f.pause.hold(fmt.Sprintf("output.file: writing to %s: %s: what is left is written once that is mended", f.name, err))
			batch.RetryEvents(events[i:])
			f.pause.Wait()
			return nil
		}
		f.observer.AckedEvents(1)
	}
	f.pause.resume()
	batch.ACK()
	return nil
}

// encode returns the line of an event, or why there can be none.
func (f *fileOutput) encode(event *beat.Event) (line []byte, why string) {
	encoded, err := f.codec.Encode(f.beat, event)
	if err != nil {
		return nil, fmt.Sprintf("the event can't be encoded: %s", err)
	}
	line = f.buffer[:0]
	if f.broken {
		line = append(line, '\n')
	}
	line = append(append(line, encoded...), '\n')
	f.buffer = line
	if len(line) > f.limit {
		return nil, fmt.Sprintf("the event has %d bytes, more than a file may (output.file.rotate_every_kb)", len(line))
	}
	return line, ""
}

func (f *fileOutput) write(line []byte) error {
	begin := time.Now()
	written, err := f.rotator.Write(line)
	if err != nil {
		f.broken = f.broken || written > 0
		return err
	}
	f.broken = false
	f.observer.WriteBytes(len(line))
	f.observer.ReportLatency(time.Since(begin))
	return nil
}

// Close ends Publish's waiting as well.
func (f *fileOutput) Close() error {
	f.pause.end()
	return f.rotator.Close()
}

func (f *fileOutput) String() string { return "file(" + f.name + ")" }
