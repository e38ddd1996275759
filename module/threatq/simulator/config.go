// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"errors"
	"fmt"
	"math"
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
	DefaultMaxPageSize      = 10_000
	DefaultHistory          = 120 * 24 * time.Hour
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
// (DataCollectionID, ClientID, ClientSecret, TokenTTL, MaxPageSize, FirstID, History, Now, BaseTime); everywhere else
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

	// MaxPageSize caps the limit parameter: a larger limit is served as this one. Default DefaultMaxPageSize.
	MaxPageSize int
	// PageCacheBytes is how much memory may hold rendered pages, so that serving the same page again costs almost no
	// CPU. 0 turns the cache off. See also Simulator.Warm.
	PageCacheBytes int64
	// Latency is how long a data request waits before it is answered.
	Latency time.Duration

	// UpdatesPerSecond is how many indicators are updated per second of the clock Now. They appear at the next data
	// request. Some of them change their status, score and expiry dates as well.
	UpdatesPerSecond float64
	// UpdatesPerRequest is the same per data request: 0.1 is one update every ten requests.
	UpdatesPerRequest float64
	// LeavesPerSecond and JoinsPerSecond are how many indicators leave the collection and join it per second of the clock
	// Now, without being updated.
	LeavesPerSecond float64
	JoinsPerSecond  float64

	// Untidy is the share, 0 to 1, of indicators with numbers as strings, empty or odd dates, unknown or absent keys
	// and values that their type can't hold. 0 serves tidy values only, and always a total.
	Untidy float64
	// Unreadable is the share, 0 to 1, of indicators that can't be read: without any id, or no object at all.
	Unreadable float64

	// BaseTime is when the collection was last changed before the start: what is there at the start was updated in
	// History before it, and expiry dates lie around it. Default: the last midnight (UTC) by the clock Now.
	BaseTime time.Time
	// History is the period before BaseTime over which the updates of the first indicators spread. Default DefaultHistory.
	History time.Duration
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
	if c.FirstID == 0 {
		c.FirstID = 1
	}
	if c.DataCollectionID == "" {
		c.DataCollectionID = DefaultDataCollectionID
	}
	if c.ClientID == "" {
		c.ClientID = DefaultClientID
	}
	if c.ClientSecret == "" {
		c.ClientSecret = DefaultClientSecret
	}
	if c.TokenTTL == 0 {
		c.TokenTTL = DefaultTokenTTL
	}
	if c.MaxPageSize == 0 {
		c.MaxPageSize = DefaultMaxPageSize
	}
	if c.History == 0 {
		c.History = DefaultHistory
	}
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

// Validate reports every setting that is out of range, by its name, as a SettingError each.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	wrong := func(setting string, value any, want string) {
		errs = append(errs, &SettingError{Setting: setting, Value: value, Want: want})
	}
	if c.Indicators < 0 || c.Indicators > maxIndicators {
		wrong("Indicators", c.Indicators, "0 to 1000000000")
	}
	if c.FirstID < 1 || c.FirstID > math.MaxInt64/2 {
		wrong("FirstID", c.FirstID, "1 or more, and less than 2^62")
	}
	if strings.ContainsAny(c.DataCollectionID, "/?#% \t\r\n") {
		wrong("DataCollectionID", fmt.Sprintf("%q", c.DataCollectionID), "one segment of a URL path, such as "+DefaultDataCollectionID)
	}
	switch c.AuthStyle {
	case AuthAny, AuthBasic, AuthForm:
	default:
		wrong("AuthStyle", fmt.Sprintf("%q", c.AuthStyle), `"", "basic" or "form"`)
	}
	if c.TokenTTL < time.Second {
		wrong("TokenTTL", c.TokenTTL, "1s or more")
	}
	if c.MaxPageSize < 1 {
		wrong("MaxPageSize", c.MaxPageSize, "1 or more")
	}
	if c.PageCacheBytes < 0 {
		wrong("PageCacheBytes", c.PageCacheBytes, "0 or more")
	}
	if c.Latency < 0 {
		wrong("Latency", c.Latency, "0 or more")
	}
	for _, rate := range []struct {
		setting string
		value   float64
	}{
		{"UpdatesPerSecond", c.UpdatesPerSecond}, {"UpdatesPerRequest", c.UpdatesPerRequest},
		{"LeavesPerSecond", c.LeavesPerSecond}, {"JoinsPerSecond", c.JoinsPerSecond},
	} {
		if !(rate.value >= 0 && rate.value <= 1e6) {
			wrong(rate.setting, rate.value, "0 to 1000000")
		}
	}
	if !(c.Untidy >= 0 && c.Untidy <= 1) {
		wrong("Untidy", c.Untidy, "a share from 0 to 1")
	}
	if !(c.Unreadable >= 0 && c.Unreadable <= 1) {
		wrong("Unreadable", c.Unreadable, "a share from 0 to 1")
	}
	if c.History < time.Second || c.History > 100*365*24*time.Hour {
		wrong("History", c.History, "1s to 100 years")
	}
	if y := c.BaseTime.Year(); !c.BaseTime.IsZero() && (y < 1980 || y > 9000) {
		wrong("BaseTime", c.BaseTime, "a date between 1980 and 9000")
	}
	return errors.Join(errs...)
}
