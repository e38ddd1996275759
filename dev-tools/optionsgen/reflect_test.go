// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"reflect"
	"strings"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
)

// settingsOf returns the paths of the settings that a struct reads.
func settingsOf(typ reflect.Type, prefix string) []string {
	var names []string
	for field := range fieldsOf(typ) {
		tag := field.Tag.Get("config")
		name, flags, _ := strings.Cut(tag, ",")
		if tag == "" || strings.Contains(flags, "ignore") {
			continue
		}
		if strings.Contains(flags, "inline") {
			names = append(names, settingsOf(field.Type, prefix)...)
			continue
		}
		if field.Type == reflect.TypeFor[config.SSL]() {
			names = append(names, settingsOf(reflect.TypeFor[tlscommon.Config](), prefix+name+".")...)
			continue
		}
		if isLeaf(field.Type) {
			names = append(names, prefix+name)
			continue
		}
		names = append(names, settingsOf(field.Type, prefix+name+".")...)
	}
	return names
}

func fieldsOf(typ reflect.Type) func(func(reflect.StructField) bool) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}

func isLeaf(typ reflect.Type) bool {
	if typ == reflect.TypeFor[*conf.C]() {
		return true
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	_, unpacks := reflect.PointerTo(typ).MethodByName("Unpack")
	return typ.Kind() != reflect.Struct || unpacks
}
