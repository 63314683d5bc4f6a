package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	tablesFile = "state.db"

	maxCanaries    = 200_000 // rows; the oldest make room
	maxSessions    = 200_000
	maxHolders     = 16
	maxRow         = 16 << 10 // bytes
	maxRowKey      = 256
	maxTableList   = 1000
	maxPendingRows = 4096 // sessions whose news wait to be stored
	tabulateBatch  = 1000
)

// The buckets of the tables.
var (
	bucketCanaries     = []byte("canaries")     // value -> row
	bucketCanaryOrder  = []byte("canary_order") // BE64 serial -> value
	bucketSessions     = []byte("sessions")     // id -> row
	bucketSessionOrder = []byte("session_order")
	tableBuckets       = [][]byte{bucketCanaries, bucketCanaryOrder, bucketSessions, bucketSessionOrder, bucketMeta}

	metaPlace = []byte("place") // events up to it are in the tables
	metaNoted = []byte("noted") // unix nanoseconds: a time at which the journal was open
)

// Session is a row of the session table: what one MCP session did, by the events
// that name it.
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

// Canary is a row of the canary table: a value that was handed out, and the first
// event that records it.
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

// Holder is a client that was given a canary, and the event that records it.
type Holder struct {
	EventID string    `json:"event_id"`
	Time    time.Time `json:"time"`
	Session string    `json:"session_id,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	IP      string    `json:"ip,omitempty"`
}

// HeldCanary is a row of the canary table with those who were given the value
// after the first. Beyond sixteen clients the first ones are kept; rows from before
// there was such a list have none.
type HeldCanary struct {
	Canary
	Later []Holder `json:"later,omitempty"`
}

// Tables are what is looked up by name and not by time: sessions, and canaries.
// Both are derived from events. When the file is lost they are read back from
// those that are kept; they are bounded, and the oldest rows make room.
type Tables struct {
	db *bolt.DB // nil: a reader found no file

	mu       sync.Mutex
	sessions map[string]*Session // news that are not stored yet
	canaries []Canary
	upto     uint64 // of the news
	caughtUp bool
}

func openTables(dir string, a access) (*Tables, error) {
	path := filepath.Join(dir, tablesFile)
	db, err := openSound(path, a, 0, tableBuckets)
	switch {
	case err == nil:
	case a == readOnly && (errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrDamaged)):
	case errors.Is(err, ErrDamaged):
		if _, err := setAside(path, stamp()); err != nil {
			return nil, err
		}
		fallthrough
	case errors.Is(err, os.ErrNotExist):
		meta := map[string][]byte{string(metaSchema): be64(schemaVersion), string(metaPlace): be64(0)}
		if err = createFile(path, func(tx *bolt.Tx) error { return initialise(tx, tableBuckets, meta) }); err == nil {
			db, err = openSound(path, a, 0, tableBuckets)
		}
		if err != nil {
			return nil, fmt.Errorf("open tables: %w", err)
		}
	default:
		return nil, fmt.Errorf("open tables: %w", err)
	}
	return &Tables{db: db, sessions: map[string]*Session{}}, nil
}

func (t *Tables) close() error {
	if t == nil || t.db == nil {
		return nil
	}
	return guard(t.db.Close)
}

// Session returns one session. The error wraps [ErrNotFound] when there is none.
func (t *Tables) Session(id string) (s Session, err error) {
	return s, t.get(bucketSessions, id, &s)
}

// Canary returns what is known of a value. The error wraps [ErrNotFound] when it
// was never handed out.
func (t *Tables) Canary(value string) (c Canary, err error) {
	return c, t.get(bucketCanaries, value, &c)
}

// Sessions returns the sessions that began last, newest first, at most limit of
// them and at most 1000. Before is the FirstSeq of the last one that is known
// already, 0 for none.
func (t *Tables) Sessions(before uint64, limit int) ([]Session, error) {
	return rows[Session](t, bucketSessions, bucketSessionOrder, before, limit)
}

// Canaries returns the canaries that were handed out last, likewise.
func (t *Tables) Canaries(before uint64, limit int) ([]Canary, error) {
	return rows[Canary](t, bucketCanaries, bucketCanaryOrder, before, limit)
}

// HeldCanaries returns the same canaries with all their holders.
func (t *Tables) HeldCanaries(before uint64, limit int) ([]HeldCanary, error) {
	return rows[HeldCanary](t, bucketCanaries, bucketCanaryOrder, before, limit)
}

func (t *Tables) get(bucket []byte, key string, row any) error {
	if t.db == nil {
		return ErrNotFound
	}
	return view(t.db, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket).Get(rowKey(key))
		if b == nil {
			return fmt.Errorf("%.140q: %w", key, ErrNotFound)
		}
		return json.Unmarshal(b, row)
	})
}

func rowKey(s string) []byte {
	if s = asStored(s); len(s) > maxRowKey {
		return []byte("#" + digest(s))
	}
	return []byte("=" + s)
}

func rows[R any](t *Tables, bucket, order []byte, before uint64, limit int) (all []R, err error) {
	if t.db == nil || limit <= 0 {
		return nil, nil
	}
	err = view(t.db, func(tx *bolt.Tx) error {
		c := tx.Bucket(order).Cursor()
		k, v := c.Last()
		if before > 0 {
			if k, v = c.Seek(be64(before)); k == nil {
				k, v = c.Last()
			}
			for k != nil && fromBE64(k[:min(8, len(k))]) >= before {
				k, v = c.Prev()
			}
		}
		for ; k != nil && len(all) < min(limit, maxTableList); k, v = c.Prev() {
			var r R
			if err := json.Unmarshal(tx.Bucket(bucket).Get(v), &r); err != nil {
				return fmt.Errorf("%w: row %.140q: %w", ErrDamaged, v, err)
			}
			all = append(all, r)
		}
		return nil
	})
	return all, err
}

// putRow stores a row, and a new one's place in the order. Beyond the limit the
// oldest row goes.
func putRow(tx *bolt.Tx, bucket, order []byte, limit int, key []byte, seq uint64, row any) error {
	b, err := json.Marshal(row)
	if err != nil || len(b) > maxRow {
		return fmt.Errorf("row %.140q of %d bytes: %w", key, len(b), errors.Join(err, ErrEvent))
	}
	rows, byAge := tx.Bucket(bucket), tx.Bucket(order)
	if rows.Get(key) == nil {
		// Two rows may begin with one event.
		if err := byAge.Put(append(be64(seq), key...), key); err != nil {
			return err
		}
		if err := trim(tx, rows, byAge, bucket, limit); err != nil {
			return err
		}
	}
	return rows.Put(key, b)
}

// trim makes room for one row.
func trim(tx *bolt.Tx, rows, byAge *bolt.Bucket, name []byte, limit int) error {
	meta := tx.Bucket(bucketMeta)
	n := fromBE64(meta.Get(name)) + 1
	for ; n > uint64(limit); n-- {
		k, v := byAge.Cursor().First()
		if k == nil {
			break
		}
		if err := errors.Join(rows.Delete(v), byAge.Delete(k)); err != nil {
			return err
		}
	}
	return meta.Put(name, be64(n))
}

// putCanary stores a row, or adds a holder to the one that there is: who had a value
// first is its origin. A row that cannot be read is left as it is.
func putCanary(tx *bolt.Tx, c Canary) error {
	key, row := rowKey(c.Value), HeldCanary{Canary: c}
	if b := tx.Bucket(bucketCanaries).Get(key); b != nil {
		row = HeldCanary{}
		if json.Unmarshal(b, &row) != nil || !row.hold(c) {
			return nil
		}
	}
	return putRow(tx, bucketCanaries, bucketCanaryOrder, maxCanaries, key, row.Seq, row)
}

// hold adds a holder, and reports whether it is a new one for which there is room.
func (h *HeldCanary) hold(c Canary) bool {
	known := h.Session == c.Session && h.Actor == c.Actor || slices.ContainsFunc(h.Later, func(l Holder) bool {
		return l.Session == c.Session && l.Actor == c.Actor
	})
	if known || len(h.Later) >= maxHolders-1 {
		return false
	}
	h.Later = append(h.Later, Holder{EventID: c.EventID, Time: c.Time, Session: c.Session, Actor: c.Actor, IP: c.IP})
	return true
}
