// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
)

// Question is one request by which a command looks at Elasticsearch.
type Question struct {
	// Doing and Asset say in a refusal what was being done, as in "reading" and
	// "the alias". Privilege is what the request needs, Grant what to do without it.
	Doing, Asset, Privilege, Grant string
	// Method, Path, Params and Body (as JSON, nil for none) are the request.
	Method, Path string
	Params       map[string]string
	Body         any
}

// aside puts the remedies of setup into the words of a command that only looks.
var aside = strings.NewReplacer("run setup again", "try again", "Run setup again", "Try again", "What was installed before still works. ", "")

// Ask sends a request and decodes the answer into out, unless that is nil. A
// refusal is an *Error.
func Ask(ctx context.Context, es Elasticsearch, q Question, out any) error {
	_, err := New(es, config.Setup{}).do(ctx, request{
		doing: q.Doing, asset: q.Asset, privilege: q.Privilege,
		method: q.Method, path: q.Path, params: q.Params, body: q.Body,
	}, out)
	var refused *Error
	if errors.As(err, &refused) {
		refused.Remedy = aside.Replace(refused.Remedy)
		if refused.Kind == KindPrivilege {
			refused.Remedy = q.Grant
		}
	}
	return err
}
