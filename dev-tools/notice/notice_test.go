// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIdentify(t *testing.T) {
	const bsd = "Redistribution and use in source and binary\nforms, with or without modification, are permitted"
	const mit = "Permission is hereby granted, free of charge, to any person obtaining a copy"
	tests := map[string]struct {
		text string
		want []string
	}{
		"apache in full":         {"Apache License\n Version 2.0, January 2004\nTERMS AND CONDITIONS FOR USE", []string{"Apache-2.0"}},
		"apache by its header":   {"Licensed under the Apache License, Version 2.0 (the", []string{"Apache-2.0"}},
		"apache only mentioned":  {"available under the Apache License Version 2.0.", nil},
		"bsd with two clauses":   {bsd, []string{"BSD-2-Clause"}},
		"bsd with three clauses": {bsd + " may be used to endorse or promote products", []string{"BSD-3-Clause"}},
		"two in one file":        {mit + "\n\n" + bsd, []string{"MIT", "BSD-2-Clause"}},
		"elastic":                {"Elastic License 2.0\n\nURL:", []string{"Elastic-2.0"}},
		"elastic of before":      {"ELASTIC LICENSE AGREEMENT\n", []string{"LicenseRef-Elastic-1.0"}},
		"unknown":                {"Do as you like.", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, identify(test.text))
		})
	}
}

func TestCopyrights(t *testing.T) {
	text := `
Copyright (c) 2012  The Authors. All rights reserved.
   Copyright [yyyy] [name of copyright owner]
The above copyright notice and this permission notice
copyright notice, this list of conditions
 * Copyright 2019-present Somebody
Copyright (c) 2012 The Authors. All rights reserved.
"Licensor" shall mean the copyright owner
© 2020 Another
`
	assert.Equal(t, []string{
		"Copyright (c) 2012 The Authors. All rights reserved.",
		"Copyright 2019-present Somebody",
		"© 2020 Another",
	}, sortedOnce(copyrights(text)))
}

func TestOwnNoticeLeavesOutThirdParties(t *testing.T) {
	text := "Product\r\nCopyright 2020 Somebody\r\n\r\n=========\r\nThird party libraries used by it:\r\nlots"
	file := filepath.Join(t.TempDir(), "NOTICE")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	text, err := read(file)
	require.NoError(t, err)
	assert.Equal(t, "Product\nCopyright 2020 Somebody", ownNotice(text))
}

func TestLicenceFilesOfNestedPackages(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"LICENSE", "a/LICENSE.txt", "a/b/b.go", "a/license.go", "a/LICENSE.docs", "other/COPYING"} {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	files, err := licenceFiles(&module{dir: root, packages: []string{filepath.Join(root, "a", "b")}})
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(root, "LICENSE"), filepath.Join(root, "a", "LICENSE.txt")}, files)
}

func TestModuleWithoutKnownLicenceIsRefused(t *testing.T) {
	root := t.TempDir()
	m := &module{Name: "example.com/m", Version: "v1.0.0", dir: root, packages: []string{root}}

	require.EqualError(t, m.describe(), "example.com/m v1.0.0 has no licence file")

	require.NoError(t, os.WriteFile(filepath.Join(root, "LICENSE"), []byte("Do as you like."), 0o644))
	require.EqualError(t, m.describe(), "LICENSE of example.com/m v1.0.0 is of no licence known to dev-tools/notice")
}

func TestRender(t *testing.T) {
	modules := []*module{
		{Name: "example.com/a", Version: "v1.0.0", Packaged: true, Licences: []string{"MIT"},
			Copyrights: []string{"Copyright 2020 A"}, text: "Copyright 2020 A\n\nthe MIT text"},
		{Name: "example.com/b", Version: "v2.0.0", Licences: []string{"BSD-3-Clause"},
			Notice: "B says\n\nthis", text: "the BSD text"},
	}
	text, err := render(modules)
	require.NoError(t, err)
	assert.Contains(t, string(text), "\n  MIT                           example.com/a v1.0.0\n")
	assert.Contains(t, string(text), "\n* BSD-3-Clause                  example.com/b v2.0.0\n")
	assert.Contains(t, string(text), "\nexample.com/a v1.0.0\n  Copyright 2020 A\n")
	assert.Contains(t, string(text), "\n  Its notice:\n    B says\n\n    this\n")
	assert.Contains(t, string(text), "\nMIT\n"+strings.Repeat("=", 80)+"\n\nthe MIT text\n")

	_, err = render(append(modules, &module{Licences: []string{"MIT", "MPL-2.0"}}))
	assert.ErrorContains(t, err, "no module is under MPL-2.0 alone")
}
