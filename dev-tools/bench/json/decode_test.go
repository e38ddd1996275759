// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package json compares libraries that could decode indicators with each other.
// What the beat's own decoder takes for the same input says
//
//	go test -bench Decode ./module/threatq/threat
//
// This is a module of its own, so that the libraries are no requirements of the
// beat.
package json

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/bytedance/sonic"
	sonicdecoder "github.com/bytedance/sonic/decoder"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// tidyIndicator is what a library that decodes into types would be given, for
// tidy input only. The beat's decoder has to be no slower than this while it
// takes untidy input as well.
type tidyIndicator struct {
	ID          int64           `json:"id"`
	IndicatorID int64           `json:"indicator_id"`
	Value       string          `json:"value"`
	Description string          `json:"description"`
	Score       float64         `json:"score"`
	Type        tidyName        `json:"type"`
	Status      tidyName        `json:"status"`
	CreatedAt   string          `json:"created_at"`
	UpdatedAt   string          `json:"updated_at"`
	PublishedAt string          `json:"published_at"`
	TouchedAt   string          `json:"touched_at"`
	ExpiresAt   string          `json:"expires_at"`
	ExpiredAt   string          `json:"expired_at"`
	Calculated  string          `json:"expires_calculated_at"`
	Attributes  []tidyAttribute `json:"attributes"`
	Adversaries []tidyName      `json:"adversaries"`
	Sources     []tidySource    `json:"sources"`
}

type tidyName struct {
	Name string `json:"name"`
}

type tidyAttribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type tidySource struct {
	Name        string `json:"name"`
	TLP         string `json:"tlp_name"`
	PublishedAt string `json:"published_at"`
	UpdatedAt   string `json:"updated_at"`
}

// stream is the best that jsontext can do for the same fields: token by token,
// skipping the values of all other keys.
func (t *tidyIndicator) stream(dec *jsontext.Decoder) error {
	return streamObject(dec, func(key string) error {
		switch key {
		case "id":
			return streamInt(dec, &t.ID)
		case "indicator_id":
			return streamInt(dec, &t.IndicatorID)
		case "score":
			token, err := dec.ReadToken()
			if err == nil && token.Kind() == '0' {
				t.Score, err = token.Float()
			}
			return err
		case "value":
			return streamText(dec, &t.Value)
		case "description":
			return streamText(dec, &t.Description)
		case "created_at":
			return streamText(dec, &t.CreatedAt)
		case "updated_at":
			return streamText(dec, &t.UpdatedAt)
		case "published_at":
			return streamText(dec, &t.PublishedAt)
		case "touched_at":
			return streamText(dec, &t.TouchedAt)
		case "expires_at":
			return streamText(dec, &t.ExpiresAt)
		case "expired_at":
			return streamText(dec, &t.ExpiredAt)
		case "expires_calculated_at":
			return streamText(dec, &t.Calculated)
		case "type":
			return streamName(dec, &t.Type.Name)
		case "status":
			return streamName(dec, &t.Status.Name)
		case "attributes":
			return streamArray(dec, func() error {
				var a tidyAttribute
				defer func() { t.Attributes = append(t.Attributes, a) }()
				return streamObject(dec, func(key string) error {
					switch key {
					case "name":
						return streamText(dec, &a.Name)
					case "value":
						return streamText(dec, &a.Value)
					}
					return dec.SkipValue()
				})
			})
		case "sources":
			return streamArray(dec, func() error {
				var s tidySource
				defer func() { t.Sources = append(t.Sources, s) }()
				return streamObject(dec, func(key string) error {
					switch key {
					case "name":
						return streamText(dec, &s.Name)
					case "tlp_name":
						return streamText(dec, &s.TLP)
					case "published_at":
						return streamText(dec, &s.PublishedAt)
					case "updated_at":
						return streamText(dec, &s.UpdatedAt)
					}
					return dec.SkipValue()
				})
			})
		}
		return dec.SkipValue()
	})
}

func streamObject(dec *jsontext.Decoder, member func(key string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		// Unlike the tokens, a value's bytes are not copied.
		key, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := member(internKey(key[1 : len(key)-1])); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// internKey spares the copies of the keys that matter.
func internKey(key []byte) string {
	switch string(key) {
	case "id":
		return "id"
	case "value":
		return "value"
	case "name":
		return "name"
	case "status":
		return "status"
	case "type":
		return "type"
	case "score":
		return "score"
	case "created_at":
		return "created_at"
	case "updated_at":
		return "updated_at"
	case "published_at":
		return "published_at"
	case "touched_at":
		return "touched_at"
	case "expires_calculated_at":
		return "expires_calculated_at"
	case "attributes":
		return "attributes"
	case "sources":
		return "sources"
	case "tlp_name":
		return "tlp_name"
	}
	return ""
}

func streamArray(dec *jsontext.Decoder, element func() error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func streamName(dec *jsontext.Decoder, s *string) error {
	return streamObject(dec, func(key string) error {
		if key == "name" {
			return streamText(dec, s)
		}
		return dec.SkipValue()
	})
}

func streamText(dec *jsontext.Decoder, s *string) error {
	token, err := dec.ReadToken()
	if err == nil && token.Kind() == '"' {
		*s = token.String()
	}
	return err
}

func streamInt(dec *jsontext.Decoder, n *int64) error {
	token, err := dec.ReadToken()
	if err == nil && token.Kind() == '0' {
		*n, err = token.Int()
	}
	return err
}

// benchPage is what the beat's own benchmark decodes.
func benchPage(b *testing.B) [][]byte {
	appliance, err := simulator.New(simulator.Config{Indicators: 1000, Seed: 1})
	require.NoError(b, err)
	page := make([][]byte, appliance.Len())
	for i := range page {
		page[i] = appliance.Indicator(i)
	}
	return page
}

func BenchmarkDecode(b *testing.B) {
	tidy := func(unmarshal func([]byte, any) error) func([]byte) error {
		return func(raw []byte) error {
			var ind tidyIndicator
			return unmarshal(raw, &ind)
		}
	}
	tokens := jsontext.NewDecoder(bytes.NewReader(nil))
	for _, bm := range []struct {
		name   string
		decode func([]byte) error
	}{
		{"encoding_json/map", func(raw []byte) error {
			var m map[string]any
			return json.Unmarshal(raw, &m)
		}},
		{"encoding_json/types", tidy(json.Unmarshal)},
		{"json_v2/types", tidy(func(raw []byte, v any) error {
			return jsonv2.Unmarshal(raw, v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		})},
		{"jsontext/tokens", func(raw []byte) error {
			tokens.Reset(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
			for {
				if _, err := tokens.ReadToken(); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
			}
		}},
		{"jsontext/types", func(raw []byte) error {
			tokens.Reset(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
			var ind tidyIndicator
			return ind.stream(tokens)
		}},
		{"sonic/types", tidy(sonic.Unmarshal)},
		{"sonic/types_std", tidy(sonic.ConfigStd.Unmarshal)},
		{"sonic/map", func(raw []byte) error {
			var m map[string]any
			return sonic.Unmarshal(raw, &m)
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			page := benchPage(b)
			require.NoError(b, bm.decode(page[0]))
			b.SetBytes(int64(len(bytes.Join(page, nil)) / len(page)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := bm.decode(page[i%len(page)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan finds the ends of a page's indicators, as the client does (go test -bench Scan ./module/threatq/client).
func BenchmarkScan(b *testing.B) {
	body := append(bytes.Join(benchPage(b), []byte{','}), ']')
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		n := 0
		for i := 0; ; i++ {
			_, end := sonicdecoder.Skip(body[i:])
			n++
			if i += end; body[i] != ',' {
				break
			}
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
