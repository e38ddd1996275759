// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxFaultNumber bounds the numbers of a textual specification.
const maxFaultNumber = 1 << 40

// ParseFaults reads faults from text, separated by commas:
//
//	[endpoint/]kind[*count][@after][:parameter=value[;parameter=value...]]
//
// The endpoint is data (the default) or token. The kind is one of Kinds, or an HTTP status from 400 to 599. The count
// is a number, or "forever". After is how many requests to let pass. The parameters are mark, status, retry-after,
// delay (a duration such as 500ms), target, size (a number, for bytes with KB, MB, GB, KiB, MiB or GiB) and where. A
// comma, a semicolon or a percent sign in a value is percent-encoded. Examples:
//
//	503*3,429:retry-after=2,reset@10
//	token/401*forever
//	429:retry-after=+5s,stalled:delay=3s,badjson:where=middle,oversized:size=300MB
//	redirect:target=http://127.0.0.1:8081;status=307
//
// An empty text holds no faults.
func ParseFaults(text string) ([]Fault, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []Fault
	var errs []error
	for item := range strings.SplitSeq(text, ",") {
		f, err := parseFault(strings.TrimSpace(item))
		if err != nil {
			errs = append(errs, fmt.Errorf("fault %q: %w", strings.TrimSpace(item), err))
			continue
		}
		list = append(list, f)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return list, nil
}

func parseFault(item string) (f Fault, err error) {
	if item == "" {
		return f, errors.New("it is empty, it must be such as 503*3 or reset@10")
	}
	head, params, hasParams := strings.Cut(item, ":")
	if endpoint, rest, ok := strings.Cut(head, "/"); ok {
		f.Endpoint, head = Endpoint(endpoint), rest
		if f.Endpoint != EndpointData && f.Endpoint != EndpointToken {
			return f, fmt.Errorf("the endpoint is %q, it must be data or token", endpoint)
		}
	}
	end := strings.IndexAny(head, "*@")
	if end < 0 {
		end = len(head)
	}
	f.Kind = Kind(head[:end])
	if status, err := strconv.Atoi(head[:end]); err == nil {
		f.Kind, f.Status = KindStatus, status
	}
	if err := f.parseCounts(head[end:]); err != nil {
		return f, err
	}
	if hasParams {
		if err := f.parseParams(params); err != nil {
			return f, err
		}
	}
	if err := f.Validate(); err != nil {
		return f, err
	}
	return f.withDefaults(), nil
}

// parseCounts reads *count and @after, in any order, each once.
func (f *Fault) parseCounts(text string) error {
	seen := ""
	for text != "" {
		sign := text[:1]
		value := text[1:]
		if end := strings.IndexAny(value, "*@"); end >= 0 {
			value = value[:end]
		}
		text = text[1+len(value):]
		if strings.Contains(seen, sign) {
			return fmt.Errorf("%s is given twice", sign)
		}
		seen += sign
		if sign == "*" && value == "forever" {
			f.Count = Forever
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxFaultNumber {
			want := "a number, 1 or more"
			if sign == "*" {
				want += ", or forever"
			}
			return fmt.Errorf("%q follows %s, it must be %s", value, sign, want)
		}
		if sign == "*" {
			f.Count = n
		} else {
			f.After = n
		}
	}
	return nil
}

func (f *Fault) parseParams(text string) error {
	seen := make(map[string]bool)
	for param := range strings.SplitSeq(text, ";") {
		name, value, ok := strings.Cut(param, "=")
		if !ok {
			return fmt.Errorf("the parameter %q must have the form name=value", param)
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return fmt.Errorf("the value of %s: %w; a percent sign is written %%25", name, err)
		}
		if value == "" {
			return fmt.Errorf("the parameter %s is empty", name)
		}
		if seen[name] {
			return fmt.Errorf("the parameter %s is given twice", name)
		}
		seen[name] = true
		if err := f.setParam(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fault) setParam(name, value string) error {
	i := slices.IndexFunc(params, func(p param) bool { return p.name == name })
	if i < 0 {
		return fmt.Errorf("the parameter %q is unknown, it must be mark, status, retry-after, delay, target, size or where", name)
	}
	if _, known := kindRules[f.Kind]; known && !params[i].fits(f.Kind) {
		return fmt.Errorf("it has no parameter %s", name)
	}
	return params[i].set(f, value)
}

// param is a parameter of the textual form.
type param struct {
	name string
	text func(Fault) string // empty where it is not given
	set  func(*Fault, string) error
}

func (p param) fits(k Kind) bool { return p.name == "mark" || k.takes(p.name) }

// params are all parameters, in the order in which they are written.
var params = []param{
	textParam("mark", func(f *Fault) *string { return &f.Mark }),
	{"status", func(f Fault) string { return nonZero(f.Status, strconv.Itoa) }, func(f *Fault, value string) (err error) {
		if f.Status != 0 {
			return errors.New("the status is given twice")
		}
		if f.Status, err = strconv.Atoi(value); err != nil || f.Status == 0 {
			return fmt.Errorf("the status is %q, it must be a number", value)
		}
		return nil
	}},
	textParam("retry-after", func(f *Fault) *string { return &f.RetryAfter }),
	{"delay", func(f Fault) string { return nonZero(f.Delay, time.Duration.String) }, func(f *Fault, value string) (err error) {
		if f.Delay, err = time.ParseDuration(value); err != nil || f.Delay <= 0 {
			return fmt.Errorf("the delay is %q, it must be a duration such as 500ms or 3s", value)
		}
		return nil
	}},
	textParam("target", func(f *Fault) *string { return &f.Target }),
	{"size", func(f Fault) string { return nonZero(int(f.Size), strconv.Itoa) }, func(f *Fault, value string) (err error) {
		f.Size, err = parseSize(value)
		return err
	}},
	textParam("where", func(f *Fault) *string { return &f.Where }),
}

func textParam(name string, field func(*Fault) *string) param {
	return param{name, func(f Fault) string { return *field(&f) }, func(f *Fault, value string) error {
		*field(f) = value
		return nil
	}}
}

func nonZero[N comparable](n N, text func(N) string) string {
	if n == *new(N) {
		return ""
	}
	return text(n)
}

var sizeUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"", 1},
}

func parseSize(value string) (int64, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(value, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 1 || n > maxFaultNumber/u.factor {
			break
		}
		return n * u.factor, nil
	}
	return 0, fmt.Errorf("the size is %q, it must be a number such as 5000, 300MB or 64MiB, at most 1024GiB", value)
}

// String returns the fault in the form that ParseFaults reads.
func (f Fault) String() string {
	f = f.withDefaults()
	var b strings.Builder
	if f.Endpoint != EndpointData {
		b.WriteString(string(f.Endpoint) + "/")
	}
	if f.Kind == KindStatus {
		b.WriteString(strconv.Itoa(f.Status))
	} else {
		b.WriteString(string(f.Kind))
	}
	switch {
	case f.Count == Forever:
		b.WriteString("*forever")
	case f.Count > 1:
		b.WriteString("*" + strconv.Itoa(f.Count))
	}
	if f.After > 0 {
		b.WriteString("@" + strconv.Itoa(f.After))
	}
	sep := ":"
	for _, p := range params {
		if value := p.text(f); value != "" && (p.name != "status" || f.Kind != KindStatus) {
			b.WriteString(sep + p.name + "=" + paramEscaper.Replace(value))
			sep = ";"
		}
	}
	return b.String()
}

// paramEscaper also encodes spaces, for ParseFaults trims them around a fault.
var paramEscaper = strings.NewReplacer("%", "%25", ",", "%2C", ";", "%3B", " ", "%20", "\t", "%09", "\n", "%0A", "\r", "%0D")
