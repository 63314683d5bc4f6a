package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	tablesFile = "state.db"

	maxCanaries    = 200_000 // rows; the oldest make room
	maxSessions    = 200_000
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

// Canary is a row of the canary table: a value that was handed out, and the
// event that records it.
type Canary struct {
	Value   string    `json:"value"`
	Kind    string    `json:"kind,omitempty"`
	Seq     uint64    `json:"seq"`
	EventID string    `json:"event_id"`
	Time    time.Time `json:"time"`
	Session string    `json:"session_id,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	IP      string    `json:"ip,omitempty"`
	Tool    string    `json:"tool,omitempty"`
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

// PutCanary stores a canary whose event is recorded. Recording an event of kind
// "canary" does the same a moment later.
func (t *Tables) PutCanary(c Canary) error {
	if c.Value == "" || c.Seq == 0 {
		return errors.New("put canary: value or event is missing")
	}
	return update(t.db, func(tx *bolt.Tx) error { return putCanary(tx, c) })
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

func putCanary(tx *bolt.Tx, c Canary) error {
	return putRow(tx, bucketCanaries, bucketCanaryOrder, maxCanaries, rowKey(c.Value), c.Seq, c)
}

// note takes in a recorded event.
func (t *Tables) note(ev *sdk.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.upto = ev.Seq
	if ev.Canary != nil && ev.Canary.Value != "" {
		t.canaries = append(t.canaries, Canary{
			Value: ev.Canary.Value, Kind: ev.Canary.Kind, Seq: ev.Seq, EventID: ev.ID, Time: ev.Time,
			Session: ev.Session, Actor: ev.Actor, IP: ev.IP, Tool: ev.Tool,
		})
	}
	if ev.Session == "" || ev.Kind != sdk.KindAccess && ev.Kind != sdk.KindDetection {
		return
	}
	s := t.sessions[ev.Session]
	if s == nil {
		s = &Session{ID: ev.Session}
		t.sessions[ev.Session] = s
	}
	s.take(ev)
}

// take adds an event to what is known of its session.
func (s *Session) take(ev *sdk.Event) {
	news := Session{
		ID: ev.Session, IP: ev.IP, Actor: ev.Actor, Transport: ev.Transport, Protocol: ev.Protocol, Client: ev.Client,
		First: ev.Time, Last: ev.Time, FirstSeq: ev.Seq, LastSeq: ev.Seq, Events: 1,
	}
	switch {
	case ev.Kind == sdk.KindDetection:
		news.Detections = 1
	case ev.Tool != "":
		news.Calls = 1
	}
	s.merge(&news)
}

// merge adds later news.
func (s *Session) merge(n *Session) {
	if s.FirstSeq == 0 {
		*s = *n
		return
	}
	s.Last, s.LastSeq = n.Last, n.LastSeq
	s.Events, s.Calls, s.Detections = s.Events+n.Events, s.Calls+n.Calls, s.Detections+n.Detections
	for _, f := range []struct{ to, from *string }{{&s.IP, &n.IP}, {&s.Actor, &n.Actor}, {&s.Transport, &n.Transport}, {&s.Protocol, &n.Protocol}} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if n.Client != nil {
		s.Client = n.Client
	}
}

// full reports whether news should be stored soon.
func (t *Tables) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sessions)+len(t.canaries) >= maxPendingRows
}

// flush stores the news together with how far they go, so that a crash neither
// loses nor repeats one.
func (t *Tables) flush() error {
	t.mu.Lock()
	sessions, canaries, upto := t.sessions, t.canaries, t.upto
	t.sessions, t.canaries = map[string]*Session{}, nil
	t.mu.Unlock()
	if len(sessions)+len(canaries) == 0 {
		return nil
	}
	err := update(t.db, func(tx *bolt.Tx) error {
		for _, s := range sessions {
			if err := putNews(tx, s); err != nil {
				return err
			}
		}
		for _, c := range canaries {
			if err := putCanary(tx, c); err != nil && !errors.Is(err, ErrEvent) {
				return err
			}
		}
		return errors.Join(noteTime(tx), tx.Bucket(bucketMeta).Put(metaPlace, be64(upto)))
	})
	if err != nil {
		t.takeBack(sessions, canaries)
		return fmt.Errorf("store sessions: %w", err)
	}
	return nil
}

// end stores what is left, as far as the disk takes it: it is made up for at the
// next start.
func (t *Tables) end() error {
	err := errors.Join(t.flush(), update(t.db, noteTime))
	if isFull(err) {
		return nil
	}
	return err
}

func putNews(tx *bolt.Tx, news *Session) error {
	row, key := *news, rowKey(news.ID)
	if b := tx.Bucket(bucketSessions).Get(key); b != nil {
		var old Session
		if json.Unmarshal(b, &old) == nil {
			old.merge(news)
			row = old
		}
	}
	err := putRow(tx, bucketSessions, bucketSessionOrder, maxSessions, key, row.FirstSeq, &row)
	if errors.Is(err, ErrEvent) {
		return nil // a row too long is a client's doing; its events are kept
	}
	return err
}

// takeBack puts news that could not be stored in front of those that came since.
func (t *Tables) takeBack(sessions map[string]*Session, canaries []Canary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, later := range t.sessions {
		if s := sessions[id]; s != nil {
			s.merge(later)
		} else {
			sessions[id] = later
		}
	}
	t.sessions, t.canaries = sessions, append(canaries, t.canaries...)
}

func noteTime(tx *bolt.Tx) error {
	return tx.Bucket(bucketMeta).Put(metaNoted, be64(uint64(max(0, time.Now().UnixNano()))))
}

// noted returns a late time at which the journal was open, none for never.
func (t *Tables) noted() (at time.Time, err error) {
	err = view(t.db, func(tx *bolt.Tx) error {
		if n := fromBE64(tx.Bucket(bucketMeta).Get(metaNoted)); n > 0 {
			at = time.Unix(0, int64(n))
		}
		return nil
	})
	return at, err
}

// place returns how far the stored rows go.
func (t *Tables) place() (seq uint64, err error) {
	err = view(t.db, func(tx *bolt.Tx) error {
		seq = fromBE64(tx.Bucket(bucketMeta).Get(metaPlace))
		return nil
	})
	return seq, err
}

// tabulate brings the tables up to date: first with what was recorded before the
// journal was opened, then with the news.
func (j *Journal) tabulate(ctx context.Context) error {
	t := j.tables
	if !t.caughtUp {
		if err := j.catchUpTables(ctx); err != nil {
			return err
		}
		t.caughtUp = true
	}
	return t.flush()
}

// catchUpTables reads events that are not in the tables. News wait meanwhile.
func (j *Journal) catchUpTables(ctx context.Context) error {
	at, err := j.tables.place()
	if err != nil {
		return err
	}
	for at < j.openedAt {
		events, err := j.Read(ctx, at, tabulateBatch)
		bad, damaged := errors.AsType[*RecordError](err)
		if err != nil && !damaged || len(events) == 0 && !damaged {
			return err
		}
		behind := &Tables{db: j.tables.db, sessions: map[string]*Session{}}
		for _, ev := range events {
			if ev.Seq <= j.openedAt {
				behind.note(ev)
				at = ev.Seq
			}
		}
		if damaged {
			at = bad.Seq
		} else if events[len(events)-1].Seq > j.openedAt {
			at = j.openedAt
		}
		if err := behind.flush(); err != nil {
			return err
		}
	}
	return nil
}
