// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// A client gets a token, reads a page, and finds an update behind the mark that the page returned.
func Example() {
	sim, err := simulator.New(simulator.Config{
		Indicators: 3,
		BaseTime:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv, err := sim.Start("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	token := getToken(srv.URL)
	mark, ids := getPage(srv.URL, token, simulator.StartMark)
	fmt.Println("collected", ids)
	mark, ids = getPage(srv.URL, token, mark)
	fmt.Println("nothing new", ids)
	if err := sim.Update(2); err != nil {
		fmt.Println(err)
	}
	_, ids = getPage(srv.URL, token, mark)
	fmt.Println("updated", ids)
	fmt.Println("pages served", sim.Stats().Pages)
	// Output:
	// collected [1 2 3]
	// nothing new []
	// updated [2]
	// pages served 3
}

func ExampleSimulator_Inject() {
	sim, err := simulator.New(simulator.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sim.Inject("503*3,429:retry-after=2,token/401@1,slow:delay=3s"))
	fmt.Println(sim.PendingFaults())
	fmt.Println(sim.Inject("slow:delay=3"))
	// Output:
	// <nil>
	// [503*3 429:retry-after=2 token/401@1 slow:delay=3s]
	// fault "slow:delay=3": the delay is "3", it must be a duration such as 500ms or 3s
}

func getToken(base string) string {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {simulator.DefaultClientID},
		"client_secret": {simulator.DefaultClientSecret},
	}
	resp, err := http.Post(base+simulator.TokenPath, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	return answer.AccessToken
}

func getPage(base, token, mark string) (next string, ids []int) {
	query := url.Values{"sort": {"updated_at"}, "limit": {"100"}, "cursorMark": {mark}, "fields": {"id"}}
	req, err := http.NewRequest(http.MethodGet, base+simulator.DataPath+simulator.DefaultDataCollectionID+"?"+query.Encode(), nil)
	if err != nil {
		return err.Error(), nil
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error(), nil
	}
	defer resp.Body.Close()
	var page struct {
		Data           []struct{ ID int }
		NextCursorMark string
	}
	_ = json.NewDecoder(resp.Body).Decode(&page)
	for _, indicator := range page.Data {
		ids = append(ids, indicator.ID)
	}
	return page.NextCursorMark, ids
}
