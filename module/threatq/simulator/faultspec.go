// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// maxFaultNumber bounds the numbers in a fault's text.
const maxFaultNumber = 1 << 40

// parseFaults reads the text that Inject takes. An empty text holds no faults.
func parseFaults(text string) ([]*fault, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []*fault
	var errs []error
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		f, err := parseFault(item)
		if err != nil {
			errs = append(errs, fmt.Errorf("fault %q: %w", item, err))
		}
		list = append(list, f)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return list, nil
}

func parseFault(item string) (*fault, error) {
	if item == "" {
		return nil, errors.New("it is empty, it must be such as 503*3 or reset@10")
	}
	f := &fault{text: item, count: 1}
	head, params, hasParams := strings.Cut(item, ":")
	if endpoint, rest, ok := strings.Cut(head, "/"); ok {
		f.endpoint, head = Endpoint(endpoint), rest
		if f.endpoint != EndpointData && f.endpoint != EndpointToken {
			return nil, fmt.Errorf("the endpoint is %q, it must be data or token", endpoint)
		}
	}
	counts := ""
	if at := strings.IndexAny(head, "*@"); at >= 0 {
		head, counts = head[:at], head[at:]
	}
	f.name = head
	given := make(map[string]bool)
	status, err := strconv.Atoi(head)
	if err == nil {
		f.name, given["status"] = "status", true
	}
	known := false
	if f.effect, known = effects[f.name]; !known {
		return nil, fmt.Errorf("the fault %q is unknown, it must be an HTTP status or one of %s", f.name,
			strings.Join(slices.Sorted(maps.Keys(effects)), ", "))
	}
	f.settings = f.defaults
	if given["status"] {
		f.status = status
	}
	f.endpoint = cmp.Or(f.endpoint, f.only, EndpointData)
	if f.only != "" && f.endpoint != f.only {
		return nil, fmt.Errorf("it can happen at the %s endpoint only", f.only)
	}
	if err := f.parseCounts(counts); err != nil {
		return nil, err
	}
	if hasParams {
		if err := f.parseParams(params, given); err != nil {
			return nil, err
		}
	}
	return f, f.check()
}

var countPattern = regexp.MustCompile(`([*@])([^*@]*)`)

// parseCounts reads *count and @after, in any order, each once.
func (f *fault) parseCounts(text string) error {
	given := make(map[string]bool)
	for _, match := range countPattern.FindAllStringSubmatch(text, -1) {
		sign, value := match[1], match[2]
		if given[sign] {
			return fmt.Errorf("%s is given twice", sign)
		}
		given[sign] = true
		number, want := &f.after, "a number, 1 or more"
		if sign == "*" {
			number, want = &f.count, "a number, 1 or more, or forever"
			if value == "forever" {
				f.count = forever
				continue
			}
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxFaultNumber {
			return fmt.Errorf("%q follows %s, it must be %s", value, sign, want)
		}
		*number = n
	}
	return nil
}

func (f *fault) parseParams(text string, given map[string]bool) error {
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
		if given[name] {
			return fmt.Errorf("the parameter %s is given twice", name)
		}
		given[name] = true
		if err := f.setParam(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (f *fault) setParam(name, value string) (err error) {
	switch name {
	case "mark":
		f.mark = value
		if f.endpoint == EndpointToken {
			return errors.New("requests to the token endpoint have no mark")
		}
		return nil
	case "status":
		if f.status, err = strconv.Atoi(value); err != nil {
			err = fmt.Errorf("the status is %q, it must be a number", value)
		}
	case "retry-after":
		f.retryAfter = value
		_, err = retryAfterHeader(value, time.Time{})
	case "delay":
		if f.delay, err = time.ParseDuration(value); err != nil || f.delay <= 0 {
			err = fmt.Errorf("the delay is %q, it must be a duration such as 500ms or 3s", value)
		}
	case "target":
		f.target = value
	case "size":
		n, parseErr := humanize.ParseBytes(value)
		if f.size = int64(n); parseErr != nil || n < 1 || n > maxFaultNumber {
			err = fmt.Errorf("the size is %q, it must be a number such as 5000, 300MB or 64MiB, at most 1024GiB", value)
		}
	case "where":
		if f.where = value; !slices.Contains([]string{"start", "middle", "end"}, value) {
			err = fmt.Errorf("where is %q, it must be start, middle or end", value)
		}
	default:
		return fmt.Errorf("the parameter %q is unknown, it must be mark, status, retry-after, delay, target, size or where", name)
	}
	if !slices.Contains(strings.Fields(f.params), name) {
		return fmt.Errorf("it has no parameter %s", name)
	}
	return err
}

// check says what is wrong with the status and with what must be given.
func (f *fault) check() error {
	ok, want := true, ""
	switch f.name {
	case "status":
		ok, want = f.status >= 400 && f.status <= 599, "400 to 599"
	case "rejected":
		ok, want = f.status >= 400 && f.status <= 499, "400 to 499, usually 400 or 422"
	case "redirect":
		ok, want = slices.Contains([]int{301, 302, 303, 307, 308}, f.status), "301, 302, 303, 307 or 308"
		if u, err := url.Parse(f.target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("the target is %q, it must be a URL such as http://127.0.0.1:8080", f.target)
		}
	}
	if !ok {
		return fmt.Errorf("the status is %d, it must be %s", f.status, want)
	}
	return nil
}

// retryAfterHeader returns the value of the Retry-After header. A value with a sign, such as +2s, stands for the date
// that far from now.
func retryAfterHeader(value string, now time.Time) (string, error) {
	if value == "" || value[0] != '+' && value[0] != '-' {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return "", fmt.Errorf("retry-after is %q, it must be printable ASCII", value)
		}
		return value, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return "", fmt.Errorf("retry-after is %q, with a sign it must be a duration such as +2s", value)
	}
	return now.Add(d).UTC().Format(http.TimeFormat), nil
}
