// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Error says what failed, why, and what to do about it.
type Error struct {
	// Doing is what was being done, such as "creating ingest pipeline x".
	Doing string
	// Cause is why it failed, in the server's words where it has some.
	Cause string
	// Remedy is what to do, a sentence.
	Remedy string
	// Status is the HTTP status of the answer, 0 without one.
	Status int
	// Unprivileged says that the user lacks a privilege.
	Unprivileged bool
	// Err is the error that Cause is about, nil without one.
	Err error
}

// Error returns what failed, why, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s. %s", e.Doing, strings.TrimRight(e.Cause, ". \n"), e.Remedy)
}

// Unwrap returns the error that the cause is about, nil without one.
func (e *Error) Unwrap() error { return e.Err }

// maxReason is how many bytes of a server's reason are worth printing.
const maxReason = 600

// readAnswer returns what Elasticsearch or Kibana says about an error: its name, where it
// has one, and the reason.
func readAnswer(body []byte) (name, reason string) {
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", shorten(string(body))
	}
	var e struct {
		Type     string `json:"type"`
		Reason   string `json:"reason"`
		CausedBy struct {
			Reason string `json:"reason"`
		} `json:"caused_by"`
	}
	if json.Unmarshal(answer.Error, &e) == nil && (e.Type != "" || e.Reason != "") {
		if !strings.Contains(e.Reason, e.CausedBy.Reason) {
			e.Reason += ": " + e.CausedBy.Reason
		}
		return e.Type, shorten(e.Reason)
	}
	reason = answer.Message
	if reason == "" {
		_ = json.Unmarshal(answer.Error, &reason) // "error" may be the reason itself
	}
	return "", shorten(reason)
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + " ..."
	}
	return s
}

var grantedBy = regexp.MustCompile(`granted by the (?:cluster|index) privileges \[([^\]]+)\]`)

// errorOf makes an Error of an answer that was not a success. privilege is the
// least one that the request needs.
func errorOf(doing, privilege string, status int, body []byte, err error) *Error {
	name, reason := readAnswer(body)
	e := &Error{Doing: doing, Status: status, Err: err}
	text := strings.ToLower(reason)
	switch {
	case status == 0:
		e.Cause = "the server can't be reached: " + shorten(err.Error())
		e.Remedy = "Check that it runs and that output.elasticsearch.hosts (setup.kibana.host for Kibana), ssl and proxy settings are right, then run setup again."
	case status == http.StatusUnauthorized:
		e.Cause = "the server refused the credentials (401)"
		e.Remedy = "Check username and password, or api_key, of output.elasticsearch (setup.kibana for Kibana)."
	case strings.Contains(text, "transform node") || strings.Contains(text, "transform role"):
		e.Cause = "no node of the cluster can run transforms: " + reason
		e.Remedy = "Add the role transform to node.roles of at least one node, restart it, and run setup again."
	case strings.Contains(text, "license") && (status == http.StatusForbidden || strings.Contains(text, "non-compliant")):
		e.Cause = "the cluster's licence doesn't allow it: " + reason
		e.Remedy = "The free Basic licence suffices: renew or install a licence, and run setup again."
	case status == http.StatusForbidden:
		e.Unprivileged = true
		e.Cause = "the user lacks a privilege, " + privilege + " would do"
		if m := grantedBy.FindStringSubmatch(reason); m != nil {
			e.Cause += " (the server says any of " + strings.ReplaceAll(m[1], ",", ", ") + ")"
		} else if reason != "" {
			e.Cause += ": " + reason
		}
		e.Remedy = "Grant it, or use the role threatqbeat_setup of docs/elasticsearch.md, and run setup again."
	default:
		e.Cause = strings.TrimSpace(fmt.Sprintf("the server answered %d %s", status, name))
		if reason != "" {
			e.Cause += ": " + reason
		}
		e.Remedy = "What was installed before still works. Correct the cause and run setup again."
		if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
			e.Remedy = "The server seems to be in trouble. Run setup again when it has recovered."
		}
		if strings.Contains(text, "no handler found") || strings.Contains(text, "incorrect http method") {
			e.Remedy = "This server lacks the feature: use Elasticsearch 8.0 or later in its default distribution."
		}
	}
	return e
}
