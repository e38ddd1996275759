// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// validator checks values against a JSON schema of draft 7. It knows the
// keywords that the generated schema uses and refuses any other, so that none
// goes unchecked.
type validator struct{ definitions map[string]any }

func (v validator) validate(schema map[string]any, value any, path string) error {
	if reference, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(reference, "#/definitions/")
		definition, ok := v.definitions[name].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: the schema refers to %s, which it does not define", path, reference)
		}
		return v.validate(definition, value, path)
	}
	var errs []error
	for keyword, argument := range schema {
		errs = append(errs, v.keyword(schema, keyword, argument, value, path))
	}
	return errors.Join(errs...)
}

func (v validator) keyword(schema map[string]any, keyword string, argument, value any, path string) error {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	object, isObject := value.(map[string]any)
	switch keyword {
	case "$schema", "title", "description", "default", "definitions", "then", "else":
		return nil
	case "type":
		if !slices.ContainsFunc(asList(argument), func(name any) bool { return isType(value, name.(string)) }) {
			return fmt.Errorf("%s is %v: it must be of type %v", path, value, argument)
		}
	case "pattern":
		if isText && !regexp.MustCompile(argument.(string)).MatchString(text) {
			return fmt.Errorf("%s is %q: it must match %s", path, text, argument)
		}
	case "enum":
		if !slices.Contains(argument.([]any), value) {
			return fmt.Errorf("%s is %v: it must be one of %v", path, value, argument)
		}
	case "const":
		if !reflect.DeepEqual(value, argument) {
			return fmt.Errorf("%s is %v: it must be %v", path, value, argument)
		}
	case "minimum":
		if isNumber && number < argument.(float64) {
			return fmt.Errorf("%s is %v: it must be at least %v", path, value, argument)
		}
	case "maximum":
		if isNumber && number > argument.(float64) {
			return fmt.Errorf("%s is %v: it must be at most %v", path, value, argument)
		}
	case "required":
		for _, name := range argument.([]any) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return fmt.Errorf("%s lacks %s", path, name)
			}
		}
	case "properties":
		return v.properties(argument.(map[string]any), object, path)
	case "additionalProperties":
		for name := range object {
			if _, ok := schema["properties"].(map[string]any)[name]; !ok {
				return fmt.Errorf("%s has the unknown key %s", path, name)
			}
		}
	case "items":
		return v.items(argument.(map[string]any), value, path)
	case "allOf":
		return v.each(argument, value, path)
	case "anyOf":
		return v.any(argument, value, path)
	case "if":
		branch := "else"
		if v.validate(argument.(map[string]any), value, path) == nil {
			branch = "then"
		}
		return v.validate(schema[branch].(map[string]any), value, path)
	default:
		return fmt.Errorf("%s: the schema uses the keyword %s, which the tests do not know", path, keyword)
	}
	return nil
}

func (v validator) properties(schemas, object map[string]any, path string) error {
	var errs []error
	for name, schema := range schemas {
		if value, ok := object[name]; ok {
			errs = append(errs, v.validate(schema.(map[string]any), value, path+"/"+name))
		}
	}
	return errors.Join(errs...)
}

func (v validator) items(schema map[string]any, value any, path string) error {
	list, _ := value.([]any)
	var errs []error
	for i, item := range list {
		errs = append(errs, v.validate(schema, item, fmt.Sprintf("%s/%d", path, i)))
	}
	return errors.Join(errs...)
}

func (v validator) each(schemas, value any, path string) error {
	var errs []error
	for _, schema := range schemas.([]any) {
		errs = append(errs, v.validate(schema.(map[string]any), value, path))
	}
	return errors.Join(errs...)
}

func (v validator) any(schemas, value any, path string) error {
	var errs []error
	for _, schema := range schemas.([]any) {
		err := v.validate(schema.(map[string]any), value, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func asList(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}

func isType(value any, name string) bool {
	switch value := value.(type) {
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && value == math.Trunc(value)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	default:
		return name == "null"
	}
}

// asJSON turns a value into what encoding/json would read of it.
func asJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var read any
	err = json.Unmarshal(text, &read)
	return read, err
}
