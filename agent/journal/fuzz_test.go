package journal

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// FuzzEncode holds that any event an attacker can shape is recorded, reads
// back, and is found by the same terms as when it was recorded.
func FuzzEncode(f *testing.F) {
	f.Add("query", `{"a":[1,{"b":null}]}`, "text", 1.5, int64(1790000000))
	f.Add("\xff\x00", `{"a":`, "\xc3\x28", math.Inf(1), int64(math.MaxInt64/4))
	f.Add(strings.Repeat("x", 200), strings.Repeat("[", 10001), "</script>", math.NaN(), int64(-62200000000))
	f.Fuzz(func(t *testing.T, tool, args, text string, latency float64, unix int64) {
		ev := &sdk.Event{
			V: 1, ID: "id", Kind: sdk.KindAccess, Time: time.Unix(unix, 0), Tool: tool, Args: sdk.RawJSON(args),
			Head: text, LatencyMS: latency, Notes: map[string]string{text: tool},
			Detection: &sdk.Detection{RuleID: text, Tool: args},
		}
		b, _, err := encodeEvent(nil, ev)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		rec := appendFrame(nil, b, 42)
		got, err := decodeRecord(rec)
		if err != nil {
			t.Fatalf("decode %q: %v", rec, err)
		}
		if got.Seq != 42 || minuteOf(got.Time) != minuteOf(writable(ev.Time)) {
			t.Errorf("seq %d, time %v, want 42, %v", got.Seq, got.Time, ev.Time)
		}
		if a, b := terms(ev), terms(got); !slices.Equal(a, b) {
			t.Errorf("terms %q when recorded, %q when read back", a, b)
		}
		for _, term := range terms(got) {
			if len(term) > maxTerm+2 || strings.Contains(term, "\x00") {
				t.Errorf("term %q", term)
			}
		}
	})
}

func terms(ev *sdk.Event) (all []string) {
	eventTerms(ev, func(t []byte) { all = append(all, string(t)) })
	return all
}

// A record is the event's own JSON with the number where encoding/json has it.
func TestFrameIsMarshal(t *testing.T) {
	ev := &sdk.Event{V: 1, ID: "a,b", Kind: sdk.KindAccess, Tool: "t", Args: sdk.RawJSON(`{"x":[1,2]}`)}
	b, _, err := encodeEvent(nil, ev)
	if err != nil {
		t.Fatal(err)
	}
	ev.Seq = math.MaxUint64
	want, err := json.Marshal(ev)
	if got := appendFrame(nil, b, ev.Seq)[1:]; err != nil || string(got) != string(want) {
		t.Errorf("record = %s, want %s", got, want)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01{\"v\":1,\"seq\":3,\"id\":\"x\",\"time\":\"2026-11-21T12:00:00Z\"}"))
	f.Add([]byte("\x02{}"))
	f.Add([]byte("\x01{\"seq\":-1}"))
	f.Add([]byte("\x01" + strings.Repeat("[", 20000)))
	f.Fuzz(func(t *testing.T, rec []byte) {
		ev, err := decodeRecord(rec)
		if (ev == nil) != errors.Is(err, ErrDamaged) {
			t.Errorf("decodeRecord = %v, %v", ev, err)
		}
	})
}

func FuzzDecodePosting(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(7), []byte{1, 2, 0x80, 1})
	f.Add(uint64(7), []byte{1, 0})
	f.Add(uint64(math.MaxUint64), []byte{1})
	f.Add(uint64(70), []byte{0, 0xc0, 1, 0xff})
	f.Add(uint64(64), []byte{0, 0xfe, 1})
	f.Add(uint64(1), []byte{0})
	f.Add(uint64(maxSeq-1), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	f.Add(uint64(5), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, first uint64, v []byte) {
		words, err := decodePosting(nil, first, v)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v", err)
			}
			return
		}
		seqs := slices.Collect(rising(words))
		if seqs[0] != first || len(seqs) > 8*len(v)+1 || uint64(len(seqs)) != population(words) || seqs[len(seqs)-1] > maxSeq {
			t.Fatalf("decodePosting(%d, %x) = %v", first, v, seqs)
		}
		for i := 1; i < len(seqs); i++ {
			if seqs[i] <= seqs[i-1] {
				t.Fatalf("decodePosting(%d, %x) = %v, does not rise", first, v, seqs)
			}
		}
		for _, form := range [][]byte{encodePosting(seqs), encodeDistances(seqs)} {
			again, err := decodePosting(nil, first, form)
			if err != nil || !slices.Equal(again, words) {
				t.Fatalf("encoded again: %v, %v, want %v", again, err, words)
			}
		}
	})
}

func FuzzCeiling(f *testing.F) {
	f.Add([]byte(`{"epoch":1790000000,"reserved":65536}`))
	f.Add([]byte(`{"epoch":0}`))
	f.Add([]byte(`{"epoch":1,"reserved":18446744073709551615}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCeiling("journal.seq", b)
		if err == nil && (c.Epoch == 0 || c.Reserved > maxSeq) {
			t.Errorf("parseCeiling(%q) = %+v", b, c)
		}
	})
}

func FuzzQuery(f *testing.F) {
	j, err := Open(f.TempDir(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { j.Close() })
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var batch []*sdk.Event
	for i := range 200 {
		batch = append(batch, &sdk.Event{V: 1, ID: string(rune('a' + i)), Kind: "access", Time: now.Add(time.Duration(i) * time.Minute), Tool: "x"})
	}
	if err := j.Append(f.Context(), batch); err != nil {
		f.Fatal(err)
	}
	f.Add("access", "", "high", uint64(0), 50, int64(0), now.Unix())
	f.Add("", "x", "", uint64(1), -1, now.Unix(), int64(0))
	f.Add("a\x00b", "\xff", "nope", uint64(math.MaxUint64), math.MaxInt, int64(math.MinInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, kind, tool, severity string, before uint64, limit int, from, to int64) {
		p, err := j.Query(t.Context(), Query{
			Kind: sdk.Kind(kind), Tool: tool, MinSeverity: sdk.Severity(severity), Before: before, Limit: limit,
			From: time.Unix(from, 0), To: time.Unix(to, 0),
		})
		if err != nil && !errors.Is(err, ErrQuery) {
			t.Fatal(err)
		}
		if len(p.Events) > 200 || p.Unreadable > 0 {
			t.Errorf("page = %d events, %d unreadable", len(p.Events), p.Unreadable)
		}
		for _, ev := range p.Events {
			if before != 0 && ev.Seq >= before || tool != "" && ev.Tool != tool {
				t.Errorf("event %+v does not match", ev)
			}
		}
		if _, err := j.Get(t.Context(), tool); err != nil && !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}
