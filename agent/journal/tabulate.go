package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// note takes in a recorded event.
func (t *Tables) note(ev *sdk.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.upto = ev.Seq
	if ev.Canary != nil && ev.Canary.Value != "" {
		t.canaries = append(t.canaries, Canary{
			Canary: *ev.Canary, Seq: ev.Seq, EventID: ev.ID, Time: ev.Time,
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

// Place returns how far the stored rows go: events up to that number are in the
// tables. It is 0 while lost tables are read back.
func (t *Tables) Place() (seq uint64, err error) {
	if t.db == nil {
		return 0, nil
	}
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
	at, err := j.tables.Place()
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
