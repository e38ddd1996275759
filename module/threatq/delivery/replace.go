// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	_ "unsafe" // for go:linkname

	"github.com/elastic/beats/v7/libbeat/outputs"
	_ "github.com/elastic/beats/v7/libbeat/outputs/elasticsearch" // these are replaced
	_ "github.com/elastic/beats/v7/libbeat/outputs/logstash"
	_ "github.com/elastic/beats/v7/libbeat/outputs/redis"
)

// registered are Libbeat's outputs by their names. Libbeat refuses to register a
// name twice and has no other place where all ways to make an output meet, whether it
// is configured in the file or by Elastic Agent. To be reported to elastic/beats:
// outputs.RegisterType has no counterpart that replaces.
//
//go:linkname registered github.com/elastic/beats/v7/libbeat/outputs.outputReg
var registered map[string]outputs.Factory

// ReplaceOutputs puts what this package is for around Libbeat's outputs. It is to be
// called once, before any output is made.
func ReplaceOutputs() {
	ReplaceOutput("elasticsearch", aroundElasticsearch)
	ReplaceOutput("file", insteadOfFile)
	ReplaceOutput("redis", aroundRedis)
	for _, name := range []string{"elasticsearch", "logstash", "redis"} {
		ReplaceOutput(name, func(factory outputs.Factory) outputs.Factory { return watched(name, factory) })
	}
}

// ReplaceOutput replaces the factory of one of Libbeat's outputs by what around makes
// of it. It is to be called before any output is made, and panics when Libbeat has no
// output of that name.
func ReplaceOutput(name string, around func(outputs.Factory) outputs.Factory) {
	factory := registered[name]
	if factory == nil {
		panic(fmt.Sprintf("Libbeat has no output %q that could be replaced", name))
	}
	registered[name] = around(factory)
}
