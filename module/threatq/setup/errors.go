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

// Kind says what is wrong.
type Kind string

// The kinds of errors.
const (
	KindUnreachable   Kind = "unreachable"    // no connection, or none that lasted
	KindCredentials   Kind = "credentials"    // wrong or missing credentials
	KindPrivilege     Kind = "privilege"      // the user lacks a privilege
	KindVersion       Kind = "version"        // the server is too old
	KindLicense       Kind = "license"        // the licence lacks the feature, or expired
	KindTransformNode Kind = "transform_node" // no node has the transform role
	KindForeign       Kind = "foreign"        // the asset belongs to another owner
	KindTransform     Kind = "transform"      // the transform doesn't do its work
	KindServer        Kind = "server"         // anything else
)

// Error says what failed for an asset, why, and what to do about it.
type Error struct {
	Kind Kind
	// Asset is what was being installed, such as "ingest pipeline logs-ti_threatq.threat".
	Asset string
	// Doing is what was being done with it, such as "creating".
	Doing string
	// Cause is why it failed, in the server's words where it has some.
	Cause string
	// Remedy is what to do, a sentence.
	Remedy string
	// Status is the HTTP status of the answer, 0 without one.
	Status int
	// Err is the error below, if any. Its text is not part of the message.
	Err error
}

// Error returns what failed, why, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: %s. %s", e.Doing, e.Asset, strings.TrimRight(e.Cause, ". \n"), e.Remedy)
}

// Unwrap returns the error below.
func (e *Error) Unwrap() error { return e.Err }

// maxReason is how many bytes of a server's reason are worth printing.
const maxReason = 600

// answer is what Elasticsearch and Kibana say about an error.
type answer struct {
	kind   string
	reason string
}

func readAnswer(body []byte) answer {
	var a struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &a) != nil {
		return answer{reason: shorten(string(body))}
	}
	var e struct {
		Type     string `json:"type"`
		Reason   string `json:"reason"`
		CausedBy struct {
			Reason string `json:"reason"`
		} `json:"caused_by"`
	}
	if json.Unmarshal(a.Error, &e) == nil && (e.Type != "" || e.Reason != "") {
		reason := e.Reason
		if e.CausedBy.Reason != "" && !strings.Contains(reason, e.CausedBy.Reason) {
			reason += ": " + e.CausedBy.Reason
		}
		return answer{kind: e.Type, reason: shorten(reason)}
	}
	var text string
	if json.Unmarshal(a.Error, &text) == nil && text != "" && a.Message == "" {
		return answer{reason: shorten(text)}
	}
	return answer{reason: shorten(a.Message)}
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
func errorOf(doing, asset, privilege string, status int, body []byte, err error) *Error {
	a := readAnswer(body)
	e := &Error{Kind: KindServer, Asset: asset, Doing: doing, Status: status, Err: err}
	text := strings.ToLower(a.reason)
	switch {
	case status == 0:
		e.Kind = KindUnreachable
		e.Cause = "the server can't be reached"
		if err != nil {
			e.Cause += ": " + shorten(err.Error())
		}
		e.Remedy = "Check that it runs and that output.elasticsearch.hosts (setup.kibana.host for Kibana), ssl and proxy settings are right, then run setup again."
	case status == http.StatusUnauthorized:
		e.Kind = KindCredentials
		e.Cause = "the server refused the credentials (401)"
		e.Remedy = "Check username and password, or api_key, of output.elasticsearch (setup.kibana for Kibana)."
	case strings.Contains(text, "transform node") || strings.Contains(text, "transform role"):
		e.Kind = KindTransformNode
		e.Cause = "no node of the cluster can run transforms: " + a.reason
		e.Remedy = "Add the role transform to node.roles of at least one node, restart it, and run setup again."
	case strings.Contains(text, "license") && (status == http.StatusForbidden || strings.Contains(text, "non-compliant")):
		e.Kind = KindLicense
		e.Cause = "the cluster's licence doesn't allow it: " + a.reason
		e.Remedy = "The free Basic licence suffices: renew or install a licence, and run setup again."
	case status == http.StatusForbidden:
		e.Kind = KindPrivilege
		e.Cause = "the user lacks a privilege, " + privilege + " would do"
		if m := grantedBy.FindStringSubmatch(a.reason); m != nil {
			e.Cause += " (the server says any of " + strings.ReplaceAll(m[1], ",", ", ") + ")"
		} else if a.reason != "" {
			e.Cause += ": " + a.reason
		}
		e.Remedy = "Grant it, or use the role threatqbeat_setup of docs/elasticsearch.md, and run setup again."
	default:
		e.Cause = fmt.Sprintf("the server answered %d", status)
		if a.kind != "" {
			e.Cause += " " + a.kind
		}
		if a.reason != "" {
			e.Cause += ": " + a.reason
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
