package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// filled returns a directory with a closed journal of n events.
func filled(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	j := open(t, dir)
	for i := 0; i < n; i += 100 {
		var batch []*sdk.Event
		for k := range min(100, n-i) {
			batch = append(batch, sample(i+k))
		}
		appendAll(t, j, batch...)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fileOf returns the newest file in the events folder that ends in suffix.
func fileOf(t *testing.T, dir, suffix string) string {
	t.Helper()
	all, _ := filepath.Glob(filepath.Join(dir, "events", "*"+suffix))
	if len(all) == 0 {
		t.Fatalf("no file *%s in %s", suffix, dir)
	}
	return all[len(all)-1]
}

func TestRecover(t *testing.T) {
	file := func(name string, change func(b []byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			if strings.HasPrefix(name, ".") {
				path = fileOf(t, dir, name)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			if strings.HasPrefix(name, ".") {
				path = fileOf(t, dir, name)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	garbage := func(n int) func([]byte) []byte {
		return func([]byte) []byte { return []byte(strings.Repeat("garbage!", n)) }
	}
	noise := func(b []byte) []byte { // all but the meta pages
		for i := 2 * os.Getpagesize(); i < len(b); i++ {
			b[i] = byte(i * 7)
		}
		return b
	}
	for _, c := range []struct {
		name   string
		damage []func(*testing.T, string)
		next   uint64 // number of the next event
		aside  int    // files set aside
		said   string
	}{
		{"sound", nil, 301, 0, ""},
		{"garbage", []func(*testing.T, string){file(".seg", garbage(9000))}, 301, 1, "after seq 300"},
		{"short garbage", []func(*testing.T, string){file(".seg", garbage(3))}, 301, 1, "after seq 300"},
		{"zero length", []func(*testing.T, string){file(".seg", garbage(0))}, 301, 1, "after seq 300"},
		{"torn", []func(*testing.T, string){file(".seg", func(b []byte) []byte { return b[:len(b)/64] })}, 301, 1, "set aside"},
		{"zero pages", []func(*testing.T, string){file(".seg", func(b []byte) []byte { clear(b[8192:]); return b })}, 301, 1, "set aside"},
		{"noise pages", []func(*testing.T, string){file(".seg", noise)}, 301, 1, "set aside"},
		{"missing", []func(*testing.T, string){remove(".seg")}, 301, 0, "newest segment is missing"},
		{"index missing", []func(*testing.T, string){remove(".idx")}, 301, 0, ""},
		{"index garbage", []func(*testing.T, string){file(".idx", garbage(9000))}, 301, 0, ""},
		{"index of zero length", []func(*testing.T, string){file(".idx", garbage(0))}, 301, 0, ""},
		{"tables garbage", []func(*testing.T, string){file("state.db", garbage(9000))}, 301, 0, ""},
		{"ceiling missing", []func(*testing.T, string){remove("journal.seq")}, 301, 0, ""},
		{"ceiling garbage", []func(*testing.T, string){file("journal.seq", garbage(9))}, 301, 0, "journal.seq"},
		{"both garbage", []func(*testing.T, string){file(".seg", garbage(9000)), file("journal.seq", garbage(9))}, 1, 1, "after seq 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filled(t, 300)
			for _, damage := range c.damage {
				damage(t, dir)
			}
			j := open(t, dir)
			if got := j.Recovered(); !strings.Contains(got, c.said) || (got == "") != (c.said == "") {
				t.Errorf("Recovered() = %q, want %q in it", got, c.said)
			}
			ev := sample(1000)
			appendAll(t, j, ev)
			if ev.Seq < c.next || ev.Seq > c.next+1 || j.Epoch() == 0 { // the report of the damage may come first
				t.Errorf("next seq = %d in epoch %d, want %d", ev.Seq, j.Epoch(), c.next)
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, "events", "*.corrupt-*")); len(aside) != c.aside {
				t.Errorf("set aside %q, want %d files", aside, c.aside)
			}
			if p, err := j.Query(t.Context(), journal.Query{Tool: ev.Tool, Limit: 1}); err != nil || len(p.Events) != 1 || p.Events[0].Seq != ev.Seq {
				t.Errorf("query after recovery = %v, %v", p, err)
			}
			if j = reopen(t, j, dir); j.Recovered() != "" || j.Last() < ev.Seq {
				t.Errorf("opened again: recovered %q, last %d", j.Recovered(), j.Last())
			}
			if err := j.Sound(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A sensor that ended before what it set aside was salvaged, or counted, goes on with
// that at the next start, once, and uses no number twice.
func TestRecoverPending(t *testing.T) {
	const each, segments = 100, 3
	for _, c := range []struct {
		name   string
		suffix string // of the newest such file, which is the damaged one
		stays  bool   // what was salvaged of it has taken its place
		lost   uint64 // at the most
	}{
		{"not salvaged", ".sealed", false, 64},
		{"not counted", ".sealed", true, 0},
		{"the newest", ".seg", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			o := journal.Options{SegmentEvents: each, KeepOpen: c.suffix == ".seg"}
			j := openWith(t, dir, o)
			all := appendSamples(t, j, each*segments+each/2)
			if !o.KeepOpen {
				awaitSealed(t, j)
			}
			j.Close()
			file := fileOf(t, dir, c.suffix)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if c.lost > 0 {
				b[len(b)/3] ^= 0x40
			}
			if err := os.WriteFile(file+".corrupt-20261122T101500.000000000Z.pending", b, 0o600); err != nil {
				t.Fatal(err)
			}
			if !c.stays {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			for start := range 2 {
				j = openWith(t, dir, o)
				gaps := func() []*sdk.Event {
					p, err := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
					if err != nil {
						t.Fatal(err)
					}
					return p.Events
				}
				until(t, j, "nothing is counted", func() bool { return len(gaps()) > 0 })
				until(t, j, "it is still to be salvaged", func() bool {
					left, _ := filepath.Glob(filepath.Join(dir, "events", "*.pending"))
					return len(left) == 0
				})
				kept, lost := readKept(t, j), lostIn(t, j)
				if kept+int(lost) != len(all) || lost > c.lost || len(gaps()) != 1 {
					t.Errorf("start %d: %d events kept and %d lost of %d; %d gaps", start, kept, lost, len(all), len(gaps()))
				}
				ev := sample(0)
				ev.Kind = sdk.KindCanary
				appendAll(t, j, ev)
				if ev.Seq <= uint64(len(all)) {
					t.Errorf("start %d: seq %d is used twice", start, ev.Seq)
				}
				if err := j.Sound(); err != nil {
					t.Error(err)
				}
				j.Close()
			}
		})
	}
}

// A log that was lost after a crash leaves a hole in the numbers, and none of
// them is used twice.
func TestRecoverAfterCrash(t *testing.T) {
	crashed := open(t, t.TempDir())
	appendAll(t, crashed, sample(0))
	dir := t.TempDir() // what is on disk while the journal is open
	b, err := os.ReadFile(filepath.Join(crashed.Dir(), "journal.seq"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "journal.seq"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, dir)
	ev := sample(1)
	appendAll(t, j, ev)
	if ev.Seq < 2 || j.Epoch() != crashed.Epoch() {
		t.Errorf("seq %d in epoch %d after losing seq 1 of epoch %d", ev.Seq, j.Epoch(), crashed.Epoch())
	}
	for _, q := range []journal.Query{{}, {Tool: ev.Tool}, {To: ev.Time.AddDate(1, 0, 0)}} {
		if p, err := j.Query(t.Context(), q); err != nil || len(p.Events) != 1 {
			t.Errorf("Query(%+v) = %d events, %v", q, len(p.Events), err)
		}
	}
}

// A damaged record costs that record, wherever it is.
func TestDamagedRecord(t *testing.T) {
	for _, seq := range []uint64{1000, 4990} { // in the index, and above it
		t.Run(fmt.Sprint(seq), func(t *testing.T) { testDamagedRecord(t, seq) })
	}
}

func testDamagedRecord(t *testing.T, seq uint64) {
	dir := filled(t, 5000)
	path := fileOf(t, dir, ".seg")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(b), fmt.Sprintf(`{"v":1,"seq":%d,`, seq))
	b[at] = '!'
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir)
	events, err := j.Read(t.Context(), seq-10, 20)
	var re *journal.RecordError
	if len(events) != 9 || !errors.As(err, &re) || re.Seq != seq || !errors.Is(err, journal.ErrDamaged) {
		t.Fatalf("read up to damage = %d events, %v", len(events), err)
	}
	if events, err := j.Read(t.Context(), seq, 10); err != nil || len(events) != 10 {
		t.Errorf("read after damage = %d events, %v", len(events), err)
	}
	p, err := j.Query(t.Context(), journal.Query{Before: seq + 5, Limit: 10})
	if err != nil || len(p.Events) != 10 || p.Unreadable != 1 {
		t.Errorf("query over damage = %d events, %d unreadable, %v", len(p.Events), p.Unreadable, err)
	}
	appendAll(t, j, sample(1))
}

// Pages that rot in the newest segment cost what is on them: it is left for another one
// and repaired, and its consumers' places go on.
func TestDamagedNewest(t *testing.T) {
	const total = 3000
	for _, c := range []struct {
		name string
		file string // its suffix
		rots string // all pages that have this
		lost int    // at the most
	}{
		{"events", ".seg", fmt.Sprintf(`{"v":1,"seq":%d,`, total/2), 100},
		{"places", ".seg", "siem", 0},
		{"index", ".idx", "session-50", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filled(t, total)
			j := open(t, dir)
			if err := j.Append(t.Context(), nil, journal.Mark{Consumer: "siem", Seq: 70}); err != nil {
				t.Fatal(err)
			}
			path := fileOf(t, dir, c.file)
			j.Close()
			rot(t, path, c.rots)
			for start := range 2 {
				j = open(t, dir)
				next := sample(total + start)
				next.Kind = sdk.KindCanary
				until(t, j, "nothing is appended", func() bool { return j.Append(t.Context(), []*sdk.Event{next}) == nil })
				if next.Seq <= total {
					t.Errorf("seq %d is used twice", next.Seq)
				}
				kept := readFrom(t, j, 0, next.Seq)
				until(t, j, "the damage is not reported", func() bool {
					s, err1 := j.Query(t.Context(), journal.Query{Session: "session-50"})
					p, err2 := j.Query(t.Context(), journal.Query{Kind: sdk.KindGap})
					return err1 == nil && err2 == nil && len(s.Events) > 0 && len(p.Events) == 1
				})
				if lost := int(lostIn(t, j)); kept+lost != total || lost > c.lost {
					t.Errorf("start %d: %d events kept and %d lost of %d", start, kept, lost, total)
				}
				if err := j.Sound(); err != nil {
					t.Error(err)
				}
				j.Close()
			}
		})
	}
}

// A reader who met damage and says so only after the repair has nothing repaired twice.
func TestDamageToldLate(t *testing.T) {
	j := openWith(t, t.TempDir(), journal.Options{SegmentEvents: 100})
	appendSamples(t, j, 50)
	tell := j.MeetDamage()
	appendSamples(t, j, 60)
	appendSamples(t, j, 10)
	awaitSealed(t, j) // other files, as after a repair
	tell()
	for range 5 {
		j.Work()
		time.Sleep(10 * time.Millisecond)
	}
	if aside, err := journal.Aside(j.Dir()); len(aside) > 0 || err != nil || lostIn(t, j) > 0 {
		t.Errorf("set aside %q, %v", aside, err)
	}
}

// rot makes noise of all pages of a file that have a text, but for the meta pages.
func rot(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, page := 0, os.Getpagesize()
	for at := 2 * page; at+page <= len(b); at += page {
		if strings.Contains(string(b[at:at+page]), text) {
			clear(b[at : at+page])
			n++
		}
	}
	if n == 0 {
		t.Fatalf("no page of %s has %q", path, text)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file that cannot grow, as on a full disk, refuses the commit whole, and
// takes it when there is room again.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	j.SetMaxSize(1 << 20)
	var batch []*sdk.Event
	for i := range 100 {
		batch = append(batch, sample(i))
	}
	var err error
	for range 100 {
		if err = j.Append(t.Context(), batch, journal.Mark{Consumer: "siem", Seq: j.Last()}); err != nil {
			break
		}
	}
	last := j.Last()
	if err == nil || last == 0 {
		t.Fatalf("append without room = %v, last %d", err, last)
	}
	if n := len(readAll(t, j, 0)); uint64(n) != last {
		t.Errorf("%d events without room, want %d", n, last)
	}
	j.SetMaxSize(0)
	appendAll(t, j, batch...)
	if batch[0].Seq != last+1 {
		t.Errorf("first seq with room again = %d, want %d", batch[0].Seq, last+1)
	}
	j = reopen(t, j, dir)
	if n := len(readAll(t, j, 0)); uint64(n) != last+100 || j.Recovered() != "" {
		t.Errorf("%d events after reopening, want %d; recovered %q", n, last+100, j.Recovered())
	}
	if err := j.Sound(); err != nil {
		t.Error(err)
	}
}

// What the operating system refuses is not taken for damage.
func TestOpenRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "events", "1-00000000000000000001.seg"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(dir, journal.Options{}); err == nil || errors.Is(err, journal.ErrDamaged) {
		t.Errorf("opened a directory as a log: %v", err)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "events", "*.corrupt-*")); len(aside) > 0 {
		t.Errorf("set aside %q", aside)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	dir := filled(t, 1)
	path := fileOf(t, dir, ".seg")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte{0, 0, 0, 0, 0, 0, 0, 9})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(dir, journal.Options{}); err == nil || errors.Is(err, journal.ErrDamaged) {
		t.Errorf("opened a journal of a newer schema: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	appendAll(t, j, sample(0))
	_, err := journal.Open(dir, journal.Options{})
	want := fmt.Sprintf("state directory %s is in use by another killdeer (pid %d)", dir, os.Getpid())
	if !errors.Is(err, journal.ErrLocked) || err.Error() != want {
		t.Errorf("second open = %v, want %s", err, want)
	}
	if _, err := journal.OpenReader(dir); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("reader beside a writer = %v, want ErrLocked", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	r, err := journal.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	second, err := journal.OpenReader(dir)
	if err != nil {
		t.Fatalf("second reader: %v", err)
	}
	defer second.Close()
	if err := r.Append(t.Context(), []*sdk.Event{sample(1)}); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("append to a reader = %v, want ErrReadOnly", err)
	}
	if p, err := second.Query(t.Context(), journal.Query{IP: sample(0).IP}); err != nil || len(p.Events) != 1 {
		t.Errorf("query of a reader = %v, %v", p, err)
	}
	if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrLocked) || strings.Contains(err.Error(), "pid") {
		t.Errorf("writer beside readers = %v, want ErrLocked without a pid", err)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	open(t, dir)
	for name, want := range map[string]os.FileMode{"": 0o700, "events": 0o700, "state.db": 0o600, "journal.reserve": 0o600, "journal.seq": 0o600, "journal.lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %q = %v, %v, want %o", name, info.Mode().Perm(), err, want)
		}
	}
	if _, err := journal.OpenReader(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reader of a missing directory = %v, want not exist", err)
	}
}
