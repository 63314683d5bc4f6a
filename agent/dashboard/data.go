package dashboard

import (
	"context"
	"errors"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// What those who hand data in say of a request.
var (
	ErrNotFound = errors.New("not found")
	ErrQuery    = errors.New("invalid query") // the rest of its text is shown to whoever asked
)

// Events is the record of events.
type Events interface {
	// Query returns the newest events that match. Its error wraps [ErrQuery] when
	// the query cannot be answered by anybody.
	Query(ctx context.Context, q Query) (Page, error)
	// Count counts those that match, whatever the query's Before and Limit.
	Count(ctx context.Context, q Query) (Tally, error)
	// Get returns the event with an id or a decimal number. Its error wraps
	// [ErrNotFound] when there is none.
	Get(ctx context.Context, id string) (*sdk.Event, error)
}

// Feed gives events in order, as they come.
type Feed interface {
	Last() uint64
	// Read returns events behind a number, at most limit of them, and the number up
	// to which there are no others.
	Read(ctx context.Context, after uint64, limit int) (events []*sdk.Event, end uint64, err error)
	// Wait returns when there is an event behind a number, or with ctx's error.
	Wait(ctx context.Context, after uint64) error
}

// Tables are what is looked up by name: sessions and honeytokens, newest first.
// Before is the FirstSeq or Seq of the last one that is known already.
type Tables interface {
	// Session returns an error that wraps [ErrNotFound] when there is none.
	Session(id string) (Session, error)
	Sessions(before uint64, limit int) ([]Session, error)
	Canaries(before uint64, limit int) ([]Canary, error)
}

// Sensor says how the sensor itself is.
type Sensor interface {
	Stats(ctx context.Context) (Stats, error)
	Status(ctx context.Context) (Status, error)
	Tools(ctx context.Context) ([]string, error) // that the decoy offers now
}

// Query asks for events. An empty field asks for nothing; the others must all hold.
type Query struct {
	Kind        sdk.Kind
	IP          string
	Tool        string
	MCPMethod   string
	Session     string
	Rule        string
	Actor       string
	Outcome     string
	Severity    sdk.Severity
	MinSeverity sdk.Severity
	From        time.Time // at or after
	To          time.Time // before
	Before      uint64    // numbers below it only
	Limit       int
}

// Page is one page of a query's answer, newest event first.
type Page struct {
	Events []*sdk.Event
	Next   uint64 // the Before of the next page, 0 when this is the last
	// Unreadable counts damaged records that may have belonged on this page.
	Unreadable int
}

// Tally is how many events match a query.
type Tally struct {
	Events uint64
	Exact  bool
}

// Stats are what the recorded events add up to. The operator's own traffic is only
// in Events.
type Stats struct {
	Events, Lost            uint64
	Outcomes, Severities    map[string]uint64
	Tools, Methods, Sources []Count // the most frequent ones, the most frequent first
	Rules                   []Count
	UniqueSources           uint64
	Exact                   bool     // of UniqueSources
	Minutes                 []Minute // those with events, of a day before the newest
	From, To                time.Time
}

// Count is how often a value occurred.
type Count struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Minute is a minute of the timeline.
type Minute struct {
	Time       time.Time
	Events     uint32
	Detections uint32
}

// Session is what one MCP session did.
type Session struct {
	ID         string          `json:"id"`
	IP         string          `json:"ip,omitempty"`
	Actor      string          `json:"actor,omitempty"`
	Transport  string          `json:"transport,omitempty"`
	Protocol   string          `json:"protocol,omitempty"`
	Client     *sdk.ClientInfo `json:"client,omitempty"`
	First      time.Time       `json:"first"`
	Last       time.Time       `json:"last"`
	FirstSeq   uint64          `json:"first_seq"`
	LastSeq    uint64          `json:"last_seq"`
	Events     uint64          `json:"events"`
	Calls      uint64          `json:"calls"`
	Detections uint64          `json:"detections"`
}

// Canary is a honeytoken, and to whom it was given first.
type Canary struct {
	sdk.Canary
	Seq     uint64    `json:"seq"`
	EventID string    `json:"event_id"`
	Time    time.Time `json:"time"`
	Session string    `json:"session_id,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	IP      string    `json:"ip,omitempty"`
	Tool    string    `json:"tool,omitempty"`
}

// Status says what a sensor is made of, and how its parts are.
type Status struct {
	Sensor  string        `json:"sensor"`
	Version string        `json:"version"`
	Started time.Time     `json:"started"`
	Decoy   DecoyStatus   `json:"decoy"`
	Journal JournalStatus `json:"journal"`
	Sinks   []SinkStatus  `json:"sinks"`
	Packs   []PackStatus  `json:"packs"`
	// Lacks are rule packs that could not be loaded, and why.
	Lacks []string `json:"-"`
}

// DecoyStatus says where the decoy is and as what it shows itself.
type DecoyStatus struct {
	URL        string   `json:"url,omitempty"`
	ServerName string   `json:"server_name,omitempty"`
	Personas   []string `json:"personas"`
	Tools      int      `json:"tools"`
}

// JournalStatus says what the journal holds, and whether it has room.
type JournalStatus struct {
	Epoch       uint64   `json:"epoch"`
	First       uint64   `json:"first"`
	Last        uint64   `json:"last"`
	Events      uint64   `json:"events"`
	Bytes       int64    `json:"bytes"`
	MaxBytes    int64    `json:"max_bytes,omitempty"`
	Free        int64    `json:"free_bytes,omitempty"`
	Low         bool     `json:"low_on_space"`
	Reserve     bool     `json:"reserve_held"`
	Segments    int      `json:"segments"`
	Sealed      int      `json:"sealed_segments"`
	Aside       []string `json:"set_aside,omitempty"` // damaged files
	JudgeBehind uint64   `json:"judge_behind"`        // events that no rule has seen yet
}

// SinkStatus says how far a sink is, and how it is.
type SinkStatus struct {
	Name     string    `json:"name"`
	Program  string    `json:"program"`
	State    string    `json:"state"`
	At       uint64    `json:"at"`     // delivered up to this number
	Behind   uint64    `json:"behind"` // events that it has not seen
	Sent     uint64    `json:"sent"`   // since the start of the sensor
	Failures uint64    `json:"failures"`
	Restarts uint64    `json:"restarts"`
	Dead     int       `json:"dead"` // events that it could never deliver
	Error    string    `json:"error,omitempty"`
	ErrorAt  time.Time `json:"error_at,omitzero"`
}

// PackStatus says which guest is in use.
type PackStatus struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // persona or rules
	Version string    `json:"version,omitempty"`
	Serial  uint64    `json:"serial,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Rules   int       `json:"rules,omitempty"`
}
