// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"embed"
	"io/fs"
)

//go:generate go run ../../../dev-tools/dashboardgen -o kibana/7

//go:embed kibana/7
var kibanaFS embed.FS

// kibanaFiles returns the Kibana saved objects as files, <type>/<id>.json, with the JSON that Kibana
// keeps in strings written out. KibanaObjects makes of them what Kibana imports.
//
// The 7 in the folder's name is not a version of Kibana: it is where Libbeat's importer looks, so
// that the folder can be given to setup.dashboards.directory as it is.
func kibanaFiles() fs.FS {
	files, err := fs.Sub(kibanaFS, "kibana/7")
	if err != nil {
		// The path is the constant that was embedded.
		panic(err)
	}
	return files
}
