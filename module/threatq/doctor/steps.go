// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/elastic/elastic-agent-libs/testing"
)

// OutputStep is one thing that was looked at on the way to an output.
type OutputStep struct {
	// Section is where it belongs, such as "elasticsearch: https://... / connection".
	Section string `json:"section,omitempty"`
	// Step is what was looked at.
	Step    string  `json:"step"`
	Verdict Verdict `json:"verdict"`
	// Detail is what was found, or why it failed and what to do.
	Detail string `json:"detail,omitempty"`
}

// OutputReport collects the steps of testing an output. It is the driver of
// Libbeat's own tests too.
type OutputReport struct {
	Output string       `json:"output"`
	Steps  []OutputStep `json:"steps"`
	// Passed tells whether no step failed.
	Passed bool `json:"passed"`
}

// Run calls test with a driver that adds its steps to the report and shows them by
// show. It returns when test has ended or a step was fatal.
func (r *OutputReport) Run(show testing.Driver, test func(testing.Driver)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(&recorder{report: r, show: show})
	}()
	<-done
	r.Passed = !slices.ContainsFunc(r.Steps, func(s OutputStep) bool { return s.Verdict == Failed })
}

// recorder is a testing.Driver that keeps what it is told.
type recorder struct {
	report *OutputReport
	show   testing.Driver
	path   []string
}

func (r *recorder) add(step string, verdict Verdict, detail string) {
	r.report.Steps = append(r.report.Steps, OutputStep{strings.Join(r.path, " / "), step, verdict, detail})
}

func (r *recorder) Run(name string, test func(testing.Driver)) {
	r.show.Run(name, func(show testing.Driver) {
		test(&recorder{report: r.report, show: show, path: append(slices.Clone(r.path), name)})
	})
}

func (r *recorder) Info(field, value string) {
	r.add(field, OK, value)
	r.show.Info(field, value)
}

func (r *recorder) Warn(field, reason string) {
	r.add(field, Warning, reason)
	r.show.Warn(field, reason)
}

func (r *recorder) Error(field string, err error) {
	if err != nil && strings.HasPrefix(err.Error(), "401 Unauthorized") { // Libbeat gives no advice
		err = fmt.Errorf("the server refuses the credentials (401): check api_key, which takes id:api_key and not encoded, or username and password of the output. It says: %w", err)
	}
	if err != nil {
		r.add(field, Failed, err.Error())
	} else {
		r.add(field, OK, "")
	}
	r.show.Error(field, err)
}

func (r *recorder) Fatal(field string, err error) {
	r.Error(field, err)
	if err != nil {
		runtime.Goexit()
	}
}

func (r *recorder) Result(data string) { r.show.Result(data) }
