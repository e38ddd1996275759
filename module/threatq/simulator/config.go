// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Defaults of Config.
const (
	DefaultIndicators       = 10_000
	DefaultSeed             = 1
	DefaultDataCollectionID = "0123456789abcdef"
	DefaultClientID         = "threatqbeat"
	DefaultClientSecret     = "simulated-secret"
	DefaultTokenTTL         = 172_799 * time.Second
	DefaultUntidy           = 0.2
)

// maxIndicators keeps ids and dates far from any overflow.
const maxIndicators = 1_000_000_000

// AuthStyle says how the token endpoint lets a client authenticate.
type AuthStyle string

// The styles of authentication at the token endpoint.
const (
	AuthAny   AuthStyle = ""      // HTTP Basic or the form
	AuthBasic AuthStyle = "basic" // HTTP Basic only
	AuthForm  AuthStyle = "form"  // client_id and client_secret in the form only
)

// Config describes the simulated appliance. A zero field means the default where zero makes no sense as a value
// (DataCollectionID, ClientID, ClientSecret, TokenTTL, FirstID, Now, BaseTime); everywhere else
// zero means zero. DefaultConfig has every default filled in.
type Config struct {
	// Indicators is the number of indicators at the start, 0 to 1,000,000,000.
	Indicators int
	// Seed selects the content. The same seed gives the same indicators.
	Seed uint64
	// FirstID is the id of the first indicator, the others follow it. Default 1.
	FirstID int64

	// DataCollectionID is the hash that names the only collection. Default DefaultDataCollectionID.
	DataCollectionID string
	// ClientID and ClientSecret are the only credentials. Defaults DefaultClientID and DefaultClientSecret.
	ClientID     string
	ClientSecret string
	// AuthStyle restricts how a client may authenticate. Default AuthAny.
	AuthStyle AuthStyle
	// TokenTTL is the lifetime of an access token by the clock Now, whole seconds. Default DefaultTokenTTL.
	TokenTTL time.Duration

	// PageCacheBytes is how much memory may hold rendered pages, so that serving the same page again costs almost no
	// CPU. 0 turns the cache off. See also Simulator.Warm.
	PageCacheBytes int64
	// Latency is how long a data request waits before it is answered.
	Latency time.Duration

	// UpdatesPerSecond is how many indicators are updated per second of the clock Now. They appear at the next data
	// request. Some of them change their status, score and expiry dates as well.
	UpdatesPerSecond float64
	// LeavesPerSecond and JoinsPerSecond are how many indicators leave the collection and join it per second of the clock
	// Now, without being updated.
	LeavesPerSecond float64
	JoinsPerSecond  float64

	// Untidy is the share, 0 to 1, of indicators with numbers as strings, empty or odd dates, unknown or absent keys
	// and values that their type can't hold. 0 serves tidy values only, and always a total.
	Untidy float64
	// Unreadable is the share, 0 to 1, of indicators that can't be read: without any id, or no object at all.
	Unreadable float64

	// BaseTime is when the collection was last changed before the start: what is there at the start was updated in the
	// 120 days before it, and expiry dates lie around it. Default: the last midnight (UTC) by the clock Now.
	BaseTime time.Time
	// Now is the clock. Default time.Now. It may be called from several goroutines. Latency and the delays of faults
	// are real time all the same.
	Now func() time.Time

	// Control serves the control API below /_simulator/, without authentication. Off by default.
	Control bool
	// AllowRemote lets Start listen on addresses other than loopback. Off by default.
	AllowRemote bool
}

// DefaultConfig returns the configuration of the demo: 10,000 indicators, one in five of them untidy.
func DefaultConfig() Config {
	return Config{
		Indicators: DefaultIndicators,
		Seed:       DefaultSeed,
		Untidy:     DefaultUntidy,
	}.withDefaults()
}

func (c Config) withDefaults() Config {
	c.FirstID = cmp.Or(c.FirstID, 1)
	c.DataCollectionID = cmp.Or(c.DataCollectionID, DefaultDataCollectionID)
	c.ClientID = cmp.Or(c.ClientID, DefaultClientID)
	c.ClientSecret = cmp.Or(c.ClientSecret, DefaultClientSecret)
	c.TokenTTL = cmp.Or(c.TokenTTL, DefaultTokenTTL)
	return c
}

// SettingError says that a setting is out of range.
type SettingError struct {
	Setting string // the name of the field of Config
	Value   any    // what it is
	Want    string // what it must be, in words
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("simulator: %s is %v, it must be %s", e.Setting, e.Value, e.Want)
}

// validate reports every setting of threatqbeat simulate that is out of range, by its name, as a SettingError each.
func (c Config) validate() error {
	c = c.withDefaults()
	share := func(v float64) bool { return v >= 0 && v <= 1 }
	rate := func(v float64) bool { return v >= 0 && v <= 1e6 }
	var errs []error
	for _, check := range []struct {
		ok   bool
		name string
		is   any
		want string
	}{
		{c.Indicators >= 0 && c.Indicators <= maxIndicators, "Indicators", c.Indicators, "0 to 1000000000"},
		{!strings.ContainsAny(c.DataCollectionID, "/?#% \t\r\n"), "DataCollectionID", strconv.Quote(c.DataCollectionID),
			"one segment of a URL path, such as " + DefaultDataCollectionID},
		{c.TokenTTL >= time.Second, "TokenTTL", c.TokenTTL, "1s or more"},
		{c.Latency >= 0, "Latency", c.Latency, "0 or more"},
		{rate(c.UpdatesPerSecond), "UpdatesPerSecond", c.UpdatesPerSecond, "0 to 1000000"},
		{rate(c.LeavesPerSecond), "LeavesPerSecond", c.LeavesPerSecond, "0 to 1000000"},
		{rate(c.JoinsPerSecond), "JoinsPerSecond", c.JoinsPerSecond, "0 to 1000000"},
		{share(c.Untidy), "Untidy", c.Untidy, "a share from 0 to 1"},
		{share(c.Unreadable), "Unreadable", c.Unreadable, "a share from 0 to 1"},
	} {
		if !check.ok {
			errs = append(errs, &SettingError{Setting: check.name, Value: check.is, Want: check.want})
		}
	}
	return errors.Join(errs...)
}
