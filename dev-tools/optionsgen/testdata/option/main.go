// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// This program uses an option that only TestAddingAnOption defines: it reads the
// configurations in its arguments and prints what becomes of the option.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config"
)

func main() {
	for _, text := range os.Args[1:] {
		raw := conf.MustNewConfigFrom(text)
		in, err := config.ReadInput(raw, nil)
		if err != nil {
			fmt.Println(err)
			continue
		}
		described, _ := json.Marshal(map[string]any{
			"pause": in.Describe()["request.pause"], "words": in.Describe()["request.magic_words"],
		})
		var rendered map[string]any
		_ = raw.Unpack(&rendered)
		shown, _ := json.Marshal(config.ShowRendered(map[string]any{"inputs": []any{rendered}})["inputs"].([]any)[0].(map[string]any)["request"])
		fmt.Println(in.Request.Pause, in.Request.MagicWords, string(described), string(shown))
	}
}
