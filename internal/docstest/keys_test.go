// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The keys of docs/keys.md have the privileges of the role files, which the tests against a real Elasticsearch use.
func TestKeysHaveThePrivilegesOfTheRoles(t *testing.T) {
	root, pages := load(t)
	found := map[string]any{}
	for _, block := range blocksIn(pages, "console") {
		_, body, _ := strings.Cut(block.text, "\n")
		var request struct {
			RoleDescriptors map[string]any `json:"role_descriptors"`
		}
		if block.page == "docs/keys.md" && strings.HasPrefix(block.text, "POST /_security/api_key") {
			require.NoError(t, json.Unmarshal([]byte(body), &request), block)
			for name, role := range request.RoleDescriptors {
				found[name] = role
			}
		}
	}
	for name, file := range map[string]string{"threatqbeat_setup": "role-setup.json", "threatqbeat_publish": "role-publish.json"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", "examples", file))
		require.NoError(t, err)
		var role any
		require.NoError(t, json.Unmarshal(text, &role))
		assert.Equal(t, role, found[name], name)
	}
	assert.Contains(t, found, "threatqbeat_read")
}
