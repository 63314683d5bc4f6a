package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	recordVersion = 1
	maxRecord     = 16 << 20 // bytes of one event's JSON

	// maxSeq leaves room to add to a number without wrapping.
	maxSeq = math.MaxUint64 / 2

	// nestingAlarm is how many opening brackets an event may have before its
	// nesting is looked at. encoding/json gives up at a depth of 10000, and it
	// must be able to read back what it wrote.
	nestingAlarm = 9000
)

// RecordError says which record could not be read; whoever reads in order may
// go on after it.
type RecordError struct {
	Seq uint64
	Err error
}

func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Seq, e.Err) }

// Unwrap returns the cause, which wraps [ErrDamaged].
func (e *RecordError) Unwrap() error { return e.Err }

// encodeEvent appends ev to dst as JSON without its number, and returns the event
// that this gives when it is read, nil where only reading can tell. Text that is not
// the JSON it claims to be is kept as a string rather than refused.
func encodeEvent(dst []byte, ev *sdk.Event) (grown []byte, kept *sdk.Event, err error) {
	if ev == nil {
		return dst, nil, fmt.Errorf("%w: it is nil", ErrEvent)
	}
	kept = ev
	grown, ok := appendAccess(dst, ev)
	record := grown[len(dst):]
	if !ok || brackets(record) > nestingAlarm {
		if record, kept, err = marshalEvent(ev); err != nil {
			return dst, nil, fmt.Errorf("%w: %w", ErrEvent, err)
		}
		grown = append(dst, record...)
	}
	if len(record) > maxRecord {
		return dst, nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEvent, len(record), maxRecord)
	}
	if !faithful(kept, record) {
		return grown, nil, nil
	}
	kept.Time = kept.Time.Round(0) // a record has no monotonic clock
	return grown, kept, nil
}

// marshalEvent encodes an event of any kind, or what can be made of it.
func marshalEvent(ev *sdk.Event) (record []byte, kept *sdk.Event, err error) {
	e := *ev
	e.Seq = 0
	record, err = marshal(&e)
	if err != nil {
		mend(&e, err)
		record, err = marshal(&e)
	}
	return record, &e, err
}

func marshal(e *sdk.Event) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	b := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if brackets(b) > nestingAlarm && !json.Valid(b) {
		return nil, errors.New("nested too deeply")
	}
	return b, nil
}

func brackets(b []byte) int {
	return bytes.Count(b, []byte{'['}) + bytes.Count(b, []byte{'{'})
}

// mend makes e something that JSON can hold.
func mend(e *sdk.Event, why error) {
	e.RPCID, e.Args = quoteInvalid(e.RPCID), quoteInvalid(e.Args)
	e.Time, e.LatencyMS = writable(e.Time), finite(e.LatencyMS)
	if e.Guest != nil {
		g := *e.Guest
		g.TookMS = finite(g.TookMS)
		e.Guest = &g
	}
	if e.Gap != nil {
		g := *e.Gap
		g.From, g.To = writable(g.From), writable(g.To)
		e.Gap = &g
	}
	if e.Error != "" {
		e.Error += "; "
	}
	e.Error += "recorded in part: " + why.Error()
}

func quoteInvalid(raw sdk.RawJSON) sdk.RawJSON {
	if len(raw) == 0 || json.Valid(raw) && brackets(raw) <= nestingAlarm {
		return raw
	}
	quoted, err := json.Marshal(string(raw))
	if err != nil {
		return nil
	}
	return quoted
}

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// writable clamps t to the years that RFC 3339 has.
func writable(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// frameRoom is what a record has beyond the JSON of its event.
const frameRoom = 32

// appendFrame appends the record of an encoded event: the version, then the JSON with
// its number where [json.Marshal] would have put it.
func appendFrame(dst, event []byte, seq uint64) []byte {
	comma := bytes.IndexByte(event, ',') + 1 // "v" is a number and "id" always follows
	dst = append(append(dst, recordVersion), event[:comma]...)
	dst = strconv.AppendUint(append(dst, `"seq":`...), seq, 10)
	return append(append(dst, ','), event[comma:]...)
}

func checkVersion(rec []byte) error {
	if len(rec) == 0 {
		return fmt.Errorf("%w: record is empty", ErrDamaged)
	}
	if rec[0] != recordVersion {
		return fmt.Errorf("%w: record has version %d", ErrDamaged, rec[0])
	}
	return nil
}

// decodeRecord reads a record. The event shares no memory with it.
func decodeRecord(rec []byte) (*sdk.Event, error) {
	if err := checkVersion(rec); err != nil {
		return nil, err
	}
	ev := new(sdk.Event)
	if err := json.Unmarshal(rec[1:], ev); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return ev, nil
}
